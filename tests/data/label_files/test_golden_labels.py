"""Label files that the reference implementation read, with what it made of them."""

from pathlib import Path

import numpy as np
import pytest

from posekit.data.find_pictures import label_path
from posekit.data.yolo.parse import parse_labels
from posekit.data.yolo.rows import LabelRule, read_label_bytes

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "train" / "data_labels.npz")
REASONS = [str(reason) for reason in GOLDEN["label/reason_codes"]]
# The reference has one word for whatever it cannot read.
OTHER = {"not_a_number": "other"}


def read_case(name, tmp_path, box_task="detect"):
    """Return what one case comes to, from a file on disk; `box_task` is the task of those without keypoints."""
    path = tmp_path / f"{name}.txt"
    if name != "missing":
        path.write_text(str(GOLDEN[f"label/{name}/text"]), encoding="utf-8")
    is_pose, points, dims, nc, single = (int(value) for value in GOLDEN[f"label/{name}/is_pose_nkpt_ndim_nc_single"])
    rule = LabelRule(
        task="pose" if is_pose else box_task,
        nc=nc,
        kpt_shape=(points, dims) if points else None,
        single_cls=bool(single),
    )
    data = read_label_bytes(str(path))
    return None if data is None else parse_labels(data, rule, str(path))


@pytest.mark.parametrize("box_task", ["detect", "segment"])
@pytest.mark.parametrize("name", [str(name) for name in GOLDEN["label/names"]])
def test_a_label_file_comes_to_what_the_reference_makes_of_it(name, tmp_path, box_task):
    missing, found, empty, corrupt, reason = (
        int(value) for value in GOLDEN[f"label/{name}/missing_found_empty_corrupt_reason"]
    )
    label_file = read_case(name, tmp_path, box_task)
    assert (label_file is None) == bool(missing)
    if label_file is None:
        return
    codes = [problem.code for problem in label_file.problems] or ["none"]
    assert [OTHER.get(code, code) for code in codes] == [REASONS[reason]]
    assert (found, bool(empty), bool(corrupt)) == (1, label_file.rows == 0, label_file.is_corrupt)
    if not corrupt:
        expect_objects(name, label_file)


def expect_objects(name, label_file):
    rows = np.column_stack([label_file.classes, label_file.boxes]).astype(np.float32)
    np.testing.assert_array_equal(rows, GOLDEN[f"label/{name}/rows"])
    if f"label/{name}/keypoints" in GOLDEN:
        np.testing.assert_array_equal(label_file.keypoints, GOLDEN[f"label/{name}/keypoints"])
    else:
        assert label_file.keypoints is None
    count = sum(key.startswith(f"label/{name}/segment") for key in GOLDEN.files)
    assert len(label_file.polygons or ()) == count
    for index in range(count):
        np.testing.assert_array_equal(label_file.polygons[index], GOLDEN[f"label/{name}/segment{index}"])


def test_label_files_lie_where_the_reference_looks_for_them():
    for picture, label in zip(GOLDEN["label_path/in"], GOLDEN["label_path/out"], strict=True):
        assert label_path(Path(str(picture))).as_posix() == str(label)
