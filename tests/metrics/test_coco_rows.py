"""Rows of predictions.json and the file that holds them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from posekit.errors import DatasetError, OutputError
from posekit.metrics.coco_rows import (
    category_ids_of,
    is_coco_split,
    picture_id,
    prediction_rows,
    predictions_file,
    run_lengths,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "val"


def pose_rows():
    rows = []
    with np.load(GOLDEN / "pipeline.npz") as file:
        for image, name in enumerate(("000000000139.jpg", "street_07.jpg")):
            boxes, points = file[f"{image}/scaled_boxes"], file[f"{image}/scaled_kpts"]
            rows += prediction_rows(f"pictures/{name}", boxes, file[f"{image}/conf"], file[f"{image}/cls"], points)
    return rows


def test_pose_rows_are_the_recorded_ones():
    rows, recorded = pose_rows(), json.loads((GOLDEN / "predictions_pose.json").read_text())
    assert rows == recorded
    assert [list(row) for row in rows] == [list(row) for row in recorded]


def test_segment_rows_are_the_recorded_ones():
    recorded = json.loads((GOLDEN / "predictions_segment.json").read_text())
    with np.load(GOLDEN / "predictions_segment_masks.npz") as file:
        masks = file["masks"]
    boxes = np.array([row["bbox"] for row in recorded], np.float32)
    boxes[:, 2:] += boxes[:, :2]
    scores = np.array([row["score"] for row in recorded], np.float32)
    classes = np.array([row["category_id"] - 1 for row in recorded])
    for kind in (np.uint8, bool):
        rows = prediction_rows("42.png", boxes, scores, classes, masks=masks.astype(kind))
        assert rows == recorded
        assert [list(row) for row in rows] == [list(row) for row in recorded]


def test_pairs_stay_pairs_and_no_detection_gives_no_row():
    boxes, one = np.array([[1, 2, 3, 4]], np.float32), np.ones(1, np.float32)
    assert prediction_rows("a.jpg", boxes, one, one, np.ones((1, 3, 2), np.float32))[0]["keypoints"] == [1.0] * 6
    assert prediction_rows("a.jpg", boxes[:0], one[:0], one[:0], np.ones((0, 3, 2), np.float32)) == []


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(0, 4096, width=32)))
def test_boxes_round_as_python_does(boxes):
    rows = prediction_rows("a.jpg", boxes, boxes[:, 0] / 4096, np.zeros(3))
    for row, (x1, y1, x2, y2) in zip(rows, boxes.astype(float).tolist(), strict=True):
        assert row["bbox"] == [round(x1, 3), round(y1, 3), round(x2 - x1, 3), round(y2 - y1, 3)]
        assert row["score"] == round(float(np.float32(x1) / np.float32(4096)), 5)


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("val2017/000000000139.jpg", 139),
        ("street_07.jpg", "street_07"),
        ("7.tar.png", "7.tar"),
        ("²3.jpg", "²3"),
        ("-5.jpg", "-5"),
        ("1" * 5000 + ".jpg", "1" * 5000),
    ],
)
def test_pictures_are_numbered_by_their_file_names(name, identity):
    assert picture_id(name) == identity


@pytest.mark.parametrize(
    ("split", "official"),
    [
        ("/data/coco/val2017.txt", True),
        ("coco-pose/test-dev2017.txt", True),
        ("/data/coco/train2017.txt", False),
        ("/data/other/val2017.txt", False),
        ("/data/coco8/images/val", False),
    ],
)
def test_only_cocos_own_splits_have_cocos_category_ids(split, official):
    assert is_coco_split(split) is official
    assert category_ids_of(split, 1) == {0: 1}
    ids = category_ids_of(split, 80)
    assert (ids[79], ids[11]) == ((90, 13) if official else (80, 12))
    assert len(set(ids.values())) == 80
    assert category_ids_of(split, 81)[80] == 81
    assert category_ids_of([split], 80)[79] == 80


def test_classes_without_a_category_id_are_refused():
    boxes, one = np.array([[1, 2, 3, 4]], np.float32), np.ones(1, np.float32)
    assert prediction_rows("a.jpg", boxes, one, one, category_ids={1: 44})[0]["category_id"] == 44
    with pytest.raises(DatasetError, match=r"class 1 has no category id; classes with one are \[0, 2\]"):
        prediction_rows("a.jpg", boxes, one, one, category_ids={0: 1, 2: 3})


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.sampled_from([0, 1, 255]))
)
def test_run_lengths_are_those_of_the_official_tools(mask):
    from pycocotools.mask import decode

    encoded = run_lengths(mask)
    assert encoded["size"] == list(mask.shape)
    np.testing.assert_array_equal(decode(encoded), mask != 0)
    json.dumps(encoded)


def test_the_file_holds_all_rows_and_appears_only_when_complete(tmp_path):
    path, rows = tmp_path / "run" / "predictions.json", pose_rows()
    with predictions_file(path) as file:
        file.add(rows[:3])
        file.add([])
        assert not path.exists()
        file.add(iter(rows[3:]))
    assert json.loads(path.read_text()) == rows
    assert file.count == len(rows)
    assert [entry.name for entry in path.parent.iterdir()] == ["predictions.json"]


def test_without_rows_there_is_no_file(tmp_path):
    with predictions_file(tmp_path / "run" / "predictions.json") as file:
        file.add([])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "predictions.json"
    path.write_text("old")

    def fail():
        with predictions_file(path) as file:
            file.add(pose_rows())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_rows_that_json_cannot_hold_are_counted(tmp_path, caplog):
    path = tmp_path / "predictions.json"
    with predictions_file(path) as file:
        file.add([{"score": 0.5}, {"score": float("nan")}, {"keypoints": [1.0, float("inf")]}])
    assert json.loads(path.read_text()) == [{"score": 0.5}]
    assert (file.count, file.left_out) == (1, 2)
    assert caplog.messages == ["predictions.json lacks 2 detections with NaN or infinite numbers"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"file.predictions\.json cannot be written"),
        predictions_file(tmp_path / "file" / "predictions.json") as file,
    ):
        file.add([{"score": 0.5}])
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder cannot be written"), predictions_file(tmp_path / "folder") as file:
        file.add([{"score": 0.5}])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_memory_does_not_grow_with_the_rows(tmp_path):
    import tracemalloc

    row = {"image_id": 1, "keypoints": [0.5] * 51}
    tracemalloc.start()
    with predictions_file(tmp_path / "predictions.json") as file:
        for _ in range(5_000):
            file.add([row])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "predictions.json").stat().st_size > 1_000_000
    assert peak < 500_000
