"""What a training writes and a run says: pictures of labels and batches, results.csv, lines on the console."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.data.labels import Labels, PictureLabels, Split
from posekit.engine.console import picture_line, place_text, speed_line
from posekit.engine.results_csv import ResultsCsv, read_results, results_text
from posekit.engine.training_charts import save_label_figure, save_training_batch, target_scene
from posekit.errors import OutputError
from posekit.results.results import Results
from posekit.sample import Batch, Origin, Sample, Targets
from posekit.schema.schema import KeypointSchema
from posekit.viz.colors import CLASS_COLORS
from viz.pixels import count_color, read

SCHEMA = KeypointSchema(shape=(2, 3), names=("head", "tail"), skeleton=((0, 1),))
NAMES = {0: "cat", 1: "dog"}


def targets(**parts):
    """Two objects on the second of two pictures."""
    return Targets(
        pictures=torch.tensor([1, 1]),
        classes=torch.tensor([1, 0]),
        boxes=torch.tensor([[0.5, 0.5, 0.5, 0.25], [0.25, 0.75, 0.1, 0.1]]),
        **parts,
    )


def keypoints(visibility=2.0):
    return torch.tensor([[[0.25, 0.5, visibility], [0.75, 0.5, visibility]]] * 2)


def batch(targets, count=2, size=(80, 160)):
    images = torch.full((count, 3, *size), 90, dtype=torch.uint8)
    samples = [Sample(image=np.zeros((*size, 3), np.uint8), path=f"/set/{i}.jpg") for i in range(count)]
    return Batch(images=images, samples=samples, letterboxes=[], targets=targets)


def split(pictures, schema=SCHEMA, names=NAMES):
    return Split(name="train", pictures=Labels.join(list(pictures)), names=names, schema=schema)


def labels(count=3, points=2):
    rng = np.random.default_rng(count)
    return PictureLabels(
        path="0.jpg",
        size=(80, 160),
        classes=np.arange(count) % 2,
        boxes=rng.uniform(0.2, 0.4, (count, 4)).astype(np.float32),
        keypoints=rng.uniform(0.1, 0.9, (count, points, 3)).astype(np.float32).round(1) if points else None,
    )


def test_scenes_are_in_pixels_of_the_input():
    scene = target_scene(targets(keypoints=keypoints()), 1, (80, 160), NAMES, SCHEMA)
    np.testing.assert_allclose(scene.boxes, [[40, 30, 120, 50], [32, 56, 48, 64]], rtol=1e-5)
    np.testing.assert_allclose(scene.keypoints[0], [[40, 40, 2], [120, 40, 2]])
    assert scene.labels == ["dog", "cat"]
    assert scene.color_numbers.tolist() == [1, 0]


def test_objects_of_other_pictures_are_left_out():
    scene = target_scene(targets(keypoints=keypoints()), 0, (80, 160), NAMES, SCHEMA)
    assert len(scene.color_numbers) == len(scene.boxes) == len(scene.keypoints) == len(scene.labels) == 0


def test_both_forms_of_masks_give_the_same_scene():
    separate = torch.zeros((2, 20, 40), dtype=torch.uint8)
    separate[0, 2:8, 4:20] = 1
    separate[1, 10:15, 30:38] = 1
    index_map = torch.zeros((2, 20, 40), dtype=torch.uint8)
    index_map[1] = separate[0] + 2 * separate[1]
    joined, apart = (
        target_scene(targets(masks=masks, overlap=overlap), 1, (80, 160), NAMES, None).masks
        for masks, overlap in ((index_map, True), (separate, False))
    )
    np.testing.assert_array_equal(joined, separate.numpy())
    np.testing.assert_array_equal(apart, separate.numpy())


def test_what_is_to_be_learned_is_drawn(tmp_path):
    def drawn(targets):
        save_training_batch(batch(targets), NAMES, SCHEMA, tmp_path / "train_batch0.jpg")
        return read(tmp_path / "train_batch0.jpg").astype(int)

    masks = torch.zeros((2, 20, 40), dtype=torch.uint8)
    masks[1, 5:15, 5:30] = 1
    boxes = drawn(targets())
    assert count_color(boxes, CLASS_COLORS[1], 60) > 100
    for more in ({"keypoints": keypoints()}, {"masks": masks}):
        assert (np.abs(drawn(targets(**more)) - boxes) > 40).any(axis=-1).sum() > 100
    hidden = drawn(targets(keypoints=keypoints(visibility=0.0)))
    np.testing.assert_array_equal(hidden, boxes)


def test_a_batch_without_objects_and_a_large_one_are_drawn(tmp_path):
    none = replace(
        targets(), pictures=torch.zeros(0, dtype=torch.int64), classes=torch.zeros(0), boxes=torch.zeros((0, 4))
    )
    for count in (1, 40):
        save_training_batch(batch(none, count), NAMES, None, tmp_path / f"{count}.jpg")
        assert max(read(tmp_path / f"{count}.jpg").shape) <= 1920


def test_floating_point_inputs_are_drawn_alike(tmp_path):
    one = batch(targets())
    save_training_batch(one, NAMES, SCHEMA, tmp_path / "a.jpg")
    save_training_batch(replace(one, images=one.images.float() / 255), NAMES, SCHEMA, tmp_path / "b.jpg")
    np.testing.assert_array_equal(read(tmp_path / "a.jpg"), read(tmp_path / "b.jpg"))


def test_labels_of_every_kind_have_a_figure(tmp_path):
    with_points, without, empty = (
        (split([labels(), labels(0)]), SCHEMA),
        (split([labels(points=0)], None), None),
        (split([]), SCHEMA),
    )
    pictures = []
    for number, (pictured, schema) in enumerate((with_points, without, empty)):
        save_label_figure(pictured, schema, tmp_path / f"{number}.jpg")
        pictures.append(read(tmp_path / f"{number}.jpg"))
    assert pictures[0].shape == pictures[2].shape
    assert pictures[0].shape[0] > pictures[1].shape[0]
    assert count_color(pictures[0], CLASS_COLORS[0], 12) > 1000


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"labels\.jpg: cannot be written"):
        save_label_figure(split([labels()]), SCHEMA, tmp_path / "file" / "labels.jpg")


GOLDEN = np.load(Path(__file__).parents[1] / "golden/train/runs.npz")


@pytest.mark.parametrize("name", ["pose26_auto", "pose8_sgd_cos", "pose26_musgd"])
def test_the_header_is_as_recorded(tmp_path, name):
    header = str(GOLDEN[f"{name}/csv_header"])
    results = ResultsCsv(tmp_path / "results.csv")
    results.add(dict.fromkeys(header.split(","), 0.0))
    assert results.path.read_text().splitlines()[0] == header


def test_values_have_six_digits():
    row = {"epoch": 1, "time": 12.3456789, "loss": 1e-7, "large": 1234567.0, "nan": float("nan")}
    assert results_text([row]) == "epoch,time,loss,large,nan\n1,12.3457,1e-07,1.23457e+06,nan\n"


def test_a_resumed_run_loses_the_rows_after_its_checkpoint(tmp_path):
    path = tmp_path / "run/results.csv"
    first = ResultsCsv(path)
    for epoch in (1, 2, 3):
        first.add({"epoch": epoch, "loss": 1 / epoch})
    resumed = ResultsCsv(path, rows=first.rows[:2])
    resumed.add({"epoch": 3, "loss": 0.25})
    assert path.read_text() == "epoch,loss\n1,1\n2,0.5\n3,0.25\n"
    assert [item.name for item in path.parent.iterdir()] == ["results.csv"]


def test_new_columns_are_empty_where_they_were_missing(tmp_path):
    results = ResultsCsv(tmp_path / "results.csv", rows=[{"epoch": 1}])
    results.add({"epoch": 2, "extra": 5})
    assert results.path.read_text() == "epoch,extra\n1,\n2,5\n"
    assert read_results(results.path) == [{"epoch": 1}, {"epoch": 2, "extra": 5}]


def test_a_file_that_cannot_be_written_is_an_error_and_keeps_its_rows(tmp_path):
    (tmp_path / "folder").write_text("in the way")
    results = ResultsCsv(tmp_path / "folder/results.csv")
    with pytest.raises(OutputError, match=r"results\.csv"):
        results.add({"epoch": 1})
    assert results.rows == [{"epoch": 1.0}]


def test_padded_columns_are_read(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("  epoch,   train/loss\n    1,   0.25\n")
    assert read_results(path) == [{"epoch": 1, "train/loss": 0.25}]


@pytest.mark.parametrize("content", ["epoch\none\n", "a,b\n1\n", "a\n1,2\n", "\xff\xfe"])
def test_a_file_of_something_else_is_an_error(tmp_path, content):
    path = tmp_path / "results.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(OutputError, match="no table of results"):
        read_results(path)


PIXELS = np.zeros((60, 80, 3), np.uint8)


def placed_sample(**origin):
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
    assert place_text(placed_sample(**origin)) == text


def test_a_line_names_place_size_objects_and_time():
    boxes = np.array([[0, 0, 9, 9, 0.9, 0]] * 3 + [[0, 0, 9, 9, 0.9, 1]], np.float32)
    result = Results(PIXELS, "", {0: "person", 1: "dog"}, boxes=boxes, speed={"inference": 19.14})
    line = picture_line(placed_sample(kind="image", index=1, count=5), result, (480, 640))
    assert line == "image 1/5 /a/street.jpg: 480x640 3 persons, 1 dog, 19.1ms"


def test_a_result_without_times_counts_as_none():
    line = picture_line(placed_sample(), Results(PIXELS, "", {}), (32, 64))
    assert line == "0: 32x64 (no detections), 0.0ms"


def test_the_last_line_has_the_means():
    line = speed_line({"preprocess": 1.04, "inference": 20.0, "postprocess": 0.25})
    assert line == "Speed: 1.0ms preprocess, 20.0ms inference, 0.2ms postprocess per image"
