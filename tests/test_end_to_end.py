"""The whole way, from a weight file to drawn pictures, and that what is drawn comes from the network."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import posekit
from posekit import YOLO

SOURCE = str(Path(posekit.__file__).parents[1])
# A pixel further from every box and keypoint than this is not drawn on; JPEG blurs within blocks of 16.
REACH = 24


@pytest.fixture
def command(here):
    """Run the command line in a process of its own."""

    def run(*words):
        paths = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-m", "posekit", *words],
            env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return run


def through_jpeg(picture):
    return cv2.imdecode(cv2.imencode(".jpg", picture)[1], cv2.IMREAD_COLOR)


def near_something_found(result):
    """Return (H, W) bool: pixels near the outline of a box, its label, or a limb."""
    mask = np.zeros(result.orig_shape, np.uint8)
    for x1, y1, x2, y2 in result.boxes.xyxy.round().int().tolist():
        cv2.rectangle(mask, (x1, y1), (x2, y2), 1, 2 * REACH)
        cv2.rectangle(mask, (x1 - REACH, y1 - 2 * REACH), (x1 + 160, y1 + 2 * REACH), 1, -1)
    for points in result.keypoints.data.tolist():
        shown = [(round(x), round(y)) for x, y, confidence in points if confidence >= 0.25]
        for first in shown:
            for second in shown:
                cv2.line(mask, first, second, 1, 2 * REACH)
    return mask.astype(bool)


def test_the_command_writes_what_the_library_predicts(here, command, weights):
    done = command("pose", "predict", f"model={weights()}", "source=figures:2", "imgsz=160", "conf=0.1", "save_txt")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"Results saved to {Path('runs/pose/predict')}"
    folder = here / "runs" / "pose" / "predict"
    results = YOLO(weights())("figures:2", imgsz=160, conf=0.1, verbose=False)
    assert [path.name for path in sorted(folder.glob("*.jpg"))] == ["000000.jpg", "000001.jpg"]
    for result in results:
        stem = Path(result.path).stem
        np.testing.assert_array_equal(cv2.imread(str(folder / f"{stem}.jpg")), through_jpeg(result.plot()))
        labels = folder / "labels" / f"{stem}.txt"
        assert len(labels.read_text().splitlines() if labels.exists() else []) == len(result)
    assert sum(map(len, results)) > 0


def test_the_command_takes_mode_and_task_in_any_order(here, command, weights):
    done = command("predict", "pose", f"model={weights()}", "source=figures:1", "verbose=False", "imgsz=64")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (here / "runs" / "pose" / "predict" / "000000.jpg").is_file()


def test_only_what_was_found_is_drawn(weights):
    for result in YOLO(weights())("figures:3", imgsz=320, conf=0.25, max_det=2, verbose=False):
        changed = (result.plot() != result.orig_img).any(axis=2)
        assert changed.any() == (len(result) > 0)
        assert not (changed & ~near_something_found(result)).any()


def test_other_weights_draw_something_else_on_the_same_picture(weights, picture):
    drawings = [YOLO(weights(seed=seed))(picture, conf=0.2, verbose=False)[0].plot() for seed in (1, 2)]
    again = YOLO(weights(seed=1))(picture, conf=0.2, verbose=False)[0].plot()
    np.testing.assert_array_equal(drawings[0], again)
    assert (drawings[0] != drawings[1]).any()
    assert all((drawing != picture).any() for drawing in drawings)


def test_the_same_weights_draw_something_else_on_another_picture(weights, gallery):
    first, second = YOLO(weights())([gallery / "p0.png", gallery / "p1.png"], conf=0.1, verbose=False)
    assert first.boxes.data.shape != second.boxes.data.shape or not np.allclose(first.boxes.data, second.boxes.data)


def test_when_nothing_is_found_the_saved_picture_is_the_picture(here, weights):
    """Untrained weights find nobody, although there are people to be seen."""
    model = YOLO("yolov8n-pose.yaml")
    (result,) = model("figures:1", imgsz=160, save=True, verbose=False)
    assert len(result) == 0
    saved = cv2.imread(str(Path(result.save_dir, "000000.jpg")))
    np.testing.assert_array_equal(saved, through_jpeg(result.orig_img))
    assert np.abs(saved.astype(int) - result.orig_img).mean() < 4
