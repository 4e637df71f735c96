import numpy as np
import pytest

from posekit.engine.console import picture_line, place_text, speed_line
from posekit.results.results import Results
from posekit.sample import Origin, Sample

PIXELS = np.zeros((60, 80, 3), np.uint8)


def sample(**origin):
    return Sample(image=PIXELS, path="/a/street.jpg", origin=Origin(**origin))


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        ({"kind": "image", "index": 1, "count": 5}, "image 1/5 /a/street.jpg"),
        ({"kind": "image", "index": 1}, "image 1/? /a/street.jpg"),
        ({"kind": "video", "index": 1, "count": 1, "frame": 3, "frames": 90}, "video 1/1 (frame 3/90) /a/street.jpg"),
        ({"kind": "video", "index": 2, "count": 4, "frame": 3}, "video 2/4 (frame 3/?) /a/street.jpg"),
        ({"kind": "array", "index": 0, "count": 2}, "0"),
        ({"kind": "stream", "index": 1, "count": 2, "frame": 7}, "1"),
    ],
)
def test_the_place_of_a_picture(origin, text):
    assert place_text(sample(**origin)) == text


def test_a_line_names_place_size_objects_and_time():
    boxes = np.array([[0, 0, 9, 9, 0.9, 0]] * 3 + [[0, 0, 9, 9, 0.9, 1]], np.float32)
    result = Results(PIXELS, "", {0: "person", 1: "dog"}, boxes=boxes, speed={"inference": 19.14})
    line = picture_line(sample(kind="image", index=1, count=5), result, (480, 640))
    assert line == "image 1/5 /a/street.jpg: 480x640 3 persons, 1 dog, 19.1ms"


def test_a_result_without_times_counts_as_none():
    line = picture_line(sample(), Results(PIXELS, "", {}), (32, 64))
    assert line == "0: 32x64 (no detections), 0.0ms"


def test_the_last_line_has_the_means():
    line = speed_line({"preprocess": 1.04, "inference": 20.0, "postprocess": 0.25})
    assert line == "Speed: 1.0ms preprocess, 20.0ms inference, 0.2ms postprocess per image"
