"""Keypoint and segment labels of the same pictures become multitask labels."""

from itertools import permutations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.convert.merge_kpt_seg import match_boxes, merge_kpt_seg
from posekit.data.dataset import read_description
from posekit.data.open_split import open_split
from posekit.errors import DatasetError, DatasetNotFoundError, OutputError, SettingError
from posekit.ops.boxes import exact_iou

# Two keypoints. The outlines' extents are 0.1 ... 0.3 and 0.5 ... 0.9.
SMALL_POSE = "0 0.2 0.2 0.2 0.2 0.15 0.25 2 0.2 0.2 1"
LARGE_POSE = "0 0.7 0.7 0.4 0.4 0.6 0.8 2 0 0 0"
SMALL = "0 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3"
LARGE = "0 0.5 0.5 0.9 0.5 0.9 0.900"
SMALL_KEYPOINTS, LARGE_KEYPOINTS, NO_KEYPOINTS = "0.15 0.25 2 0.2 0.2 1", "0.6 0.8 2 0 0 0", "0 0 0 0 0 0"


@pytest.fixture
def merge(tmp_path):
    """Return a function that writes both label sets, merges them, and returns the report and the files written."""

    def run(kpt, seg, **options):
        for folder, files in (("kpt", kpt), ("seg", seg)):
            for name, rows in files.items():
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f"{row}\n" for row in rows))
        out = tmp_path / "out"
        report = merge_kpt_seg(tmp_path / "kpt", tmp_path / "seg", out, **options)
        files = {path.relative_to(out).as_posix(): path.read_text() for path in sorted(out.rglob("*.txt"))}
        return report, {name: text.splitlines() for name, text in files.items()}

    return run


def places(report):
    return [(problem.code, problem.line, problem.objects) for problem in report.problems]


def test_rows_are_class_keypoints_outline_with_the_numbers_as_written(merge):
    report, files = merge({"train/a.txt": [LARGE_POSE, SMALL_POSE]}, {"train/a.txt": [SMALL, LARGE]})
    assert files == {
        "train/a.txt": [
            f"0 {SMALL_KEYPOINTS} 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3",
            f"0 {LARGE_KEYPOINTS} 0.5 0.5 0.9 0.5 0.9 0.900",
        ]
    }
    assert (report.files, report.matched, report.outlines_alone, report.poses_alone) == (1, 2, 0, 0)
    assert (report.kpt_shape, report.keypoint_classes, report.problems) == ((2, 3), (0,), [])


def test_in_the_other_layout_the_box_is_the_extent_of_the_outline(merge):
    _, files = merge({"a.txt": [SMALL_POSE]}, {"a.txt": [SMALL]}, layout="box_keypoints_polygon")
    row = files["a.txt"][0].split()
    np.testing.assert_allclose([float(value) for value in row[1:5]], (0.2, 0.2, 0.2, 0.2), atol=1e-6)
    assert " ".join(row[5:]) == f"{SMALL_KEYPOINTS} {SMALL[2:]}"


def test_a_pose_is_used_once_and_an_outline_without_one_gets_zeros(merge):
    report, files = merge({"a.txt": [SMALL_POSE]}, {"a.txt": [LARGE, SMALL, SMALL]})
    assert [row.startswith(f"0 {NO_KEYPOINTS} ") for row in files["a.txt"]] == [True, False, True]
    assert (report.matched, report.outlines_alone) == (1, 2)


def test_classes_without_poses_have_the_outline_alone_or_zeros(merge):
    seg = {"a.txt": [SMALL, "7" + LARGE[1:]]}
    report, files = merge({"a.txt": [SMALL_POSE]}, seg)
    assert files["a.txt"][1] == "7" + LARGE[1:]
    assert report.outlines_alone == 0


def test_in_the_layout_with_boxes_all_rows_have_the_same_front(merge):
    seg = {"a.txt": [SMALL, "7" + LARGE[1:]]}
    _, files = merge({"a.txt": [SMALL_POSE]}, seg, layout="box_keypoints_polygon")
    assert files["a.txt"][1] == f"7 0.7 0.7 0.4 0.4 {NO_KEYPOINTS} {LARGE[2:]}"


def test_all_classes_with_poses_are_matched_and_only_within_their_class(merge):
    report, files = merge(
        {"a.txt": ["3" + SMALL_POSE[1:], LARGE_POSE]}, {"a.txt": [SMALL, "3" + SMALL[1:], "3" + LARGE[1:]]}
    )
    assert [row.split()[1:7] == SMALL_KEYPOINTS.split() for row in files["a.txt"]] == [False, True, False]
    assert (report.keypoint_classes, report.matched, report.outlines_alone) == ((0, 3), 1, 2)
    assert places(report) == [("pose_without_outline", 2, 1)]


def test_a_pose_that_overlaps_too_little_is_named_and_counted(merge):
    report, files = merge({"a.txt": [SMALL_POSE, LARGE_POSE]}, {"a.txt": [SMALL]})
    assert len(files["a.txt"]) == 1
    assert places(report) == [("pose_without_outline", 2, 1)]
    assert "layout=box_keypoints_polygon would keep it" in str(report.problems[0])


def test_the_layout_with_boxes_keeps_poses_without_outline_as_they_were(merge):
    report, files = merge(
        {"a.txt": [SMALL_POSE, LARGE_POSE], "b.txt": [LARGE_POSE]}, {"a.txt": [SMALL]}, layout="box_keypoints_polygon"
    )
    assert files["a.txt"][1] == LARGE_POSE
    assert files["b.txt"] == [LARGE_POSE]
    assert (report.poses_alone, report.problems) == (2, [])


def test_the_threshold_decides(merge):
    pose = "0 0.2 0.2 0.2 0.1 0.15 0.25 2 0.2 0.2 1"  # half of the small outline's box
    report, _ = merge({"a.txt": [pose]}, {"a.txt": [SMALL]}, iou=0.51)
    assert report.matched == 0


def test_a_lower_threshold_lets_it_match(merge):
    pose = "0 0.2 0.2 0.2 0.1 0.15 0.25 2 0.2 0.2 1"
    report, _ = merge({"a.txt": [pose]}, {"a.txt": [SMALL]}, iou=0.49)
    assert report.matched == 1


def test_files_that_only_one_side_has_are_kept_or_reported(merge):
    report, files = merge(
        {"a.txt": [SMALL_POSE], "only_pose.txt": [SMALL_POSE, LARGE_POSE]},
        {"a.txt": [SMALL], "only_outline.txt": [LARGE], "empty.txt": []},
    )
    assert files["only_outline.txt"] == [f"0 {NO_KEYPOINTS} {LARGE[2:]}"]
    assert files["empty.txt"] == []
    assert "only_pose.txt" not in files
    assert places(report) == [("pose_without_outline", 1, 1), ("pose_without_outline", 2, 1)]
    assert "there is no segment file" in str(report.problems[0])


def test_points_without_visibility_are_told_from_the_rows(merge):
    report, files = merge({"a.txt": ["0 0.2 0.2 0.2 0.2 0.15 0.25 0.2 0.2"]}, {"a.txt": [SMALL, LARGE]})
    assert report.kpt_shape == (2, 2)
    assert files["a.txt"] == [f"0 0.15 0.25 0.2 0.2 {SMALL[2:]}", f"0 0 0 0 0 {LARGE[2:]}"]


def test_a_given_shape_counts_and_rows_of_another_are_named(merge):
    report, files = merge({"a.txt": [SMALL_POSE, LARGE_POSE + " 0 0 0"]}, {"a.txt": [SMALL]}, kpt_shape=(2, 3))
    assert len(files["a.txt"]) == 1
    assert places(report) == [("wrong_columns", 2, 1)]


def test_rows_of_two_shapes_without_a_given_one_are_an_error(merge):
    with pytest.raises(DatasetError, match="give kpt_shape="):
        merge({"a.txt": [SMALL_POSE, LARGE_POSE + " 0 0 0"]}, {"a.txt": [SMALL]})


@pytest.mark.parametrize(
    ("kpt", "seg", "code"),
    [
        ("0 0.1 0.1 0.1 0.1", None, "wrong_columns"),
        ("0.5 0.2 0.2 0.2 0.2 0.1 0.1 2 0 0 0", None, "bad_class"),
        ("a 0.2 0.2 0.2 0.2 0.1 0.1 2 0 0 0", None, "not_a_number"),
        ("0 0.2 0.2 0.2 0.2 0.1 nan 2 0 0 0", None, "not_finite"),
        (None, "0 0.1 0.1 0.1 0.1", "wrong_columns"),
        (None, "0 0.1 0.1 0.1 0.1 0.2 0.2 0.3", "wrong_columns"),
        (None, "-1 0.1 0.1 0.1 0.1 0.2 0.2", "bad_class"),
        (None, "0 0.1 0.1 0.1 1e999 0.2 0.2", "not_finite"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_line_and_costs_no_other(merge, kpt, seg, code):
    report, files = merge(
        {"a.txt": [row for row in ("", kpt, SMALL_POSE) if row is not None]},
        {"a.txt": [row for row in ("", seg, SMALL) if row is not None]},
    )
    assert len(files["a.txt"]) == 1
    assert places(report) == [(code, 2, 1)]


def test_an_unusable_set_is_one_clear_error(merge, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no such folder"):
        merge_kpt_seg(tmp_path / "kpt", tmp_path / "seg", tmp_path / "out")
    (tmp_path / "seg").mkdir()
    with pytest.raises(DatasetNotFoundError, match="there are no label files"):
        merge({"a.txt": [SMALL_POSE]}, {})
    with pytest.raises(DatasetError, match="hold no pose"):
        merge({"a.txt": []}, {"a.txt": [SMALL]})
    with pytest.raises(DatasetError, match=r"hold no pose .*; the first of 1 problems: .*a\.txt:1"):
        merge({"a.txt": ["person 0.5"]}, {"a.txt": [SMALL]})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [{"iou": 0}, {"iou": 1.1}, {"iou": float("nan")}, {"layout": "polygon"}])
def test_options_out_of_range_are_errors(merge, options):
    with pytest.raises(SettingError):
        merge({"a.txt": [SMALL_POSE]}, {"a.txt": [SMALL]}, **options)


def test_a_folder_that_holds_something_stays_as_it_was(merge, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="already holds something"):
        merge({"a.txt": [SMALL_POSE]}, {"a.txt": [SMALL]})
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kpt", "out", "seg"]


@pytest.mark.parametrize("layout", ["keypoints_polygon", "box_keypoints_polygon"])
def test_what_was_merged_reads_as_multitask_labels(merge, tmp_path, layout):
    merge(
        {"a.txt": [SMALL_POSE, LARGE_POSE.replace("0.7 0.7 0.4", "0.3 0.7 0.4")]},
        {"a.txt": [SMALL, LARGE, "1" + LARGE[1:]]},
        layout=layout,
    )
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    (tmp_path / "out").rename(root / "labels")
    cv2.imwrite(str(root / "images" / "a.png"), np.zeros((100, 100, 3), np.uint8))
    (root / "data.yaml").write_text(
        f"train: images\nval: images\nnames: [dog, car]\nkpt_shape: [2, 3]\nkpt_names: {{0: [nose, tail]}}\n"
        f"layout: {layout}\n"
    )
    split = open_split(read_description(root / "data.yaml", task="multitask"), "val", task="multitask")
    (labels,) = split.pictures
    assert split.report.problems == ()
    assert labels.classes.tolist()[:3] == [0, 0, 1]
    assert labels.keypoints[0].ravel() == pytest.approx([0.15, 0.25, 2, 0.2, 0.2, 1])
    assert not labels.keypoints[1:3].any()
    assert [len(polygon) for polygon in labels.polygons][:3] == [4, 3, 3]
    np.testing.assert_allclose(labels.boxes[:3], [[0.2] * 4, [0.7, 0.7, 0.4, 0.4], [0.7, 0.7, 0.4, 0.4]], atol=1e-6)
    assert len(labels) == (4 if layout == "box_keypoints_polygon" else 3)


corners = st.tuples(*[st.integers(0, 12)] * 4).map(
    lambda box: (min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3]))
)
boxes = st.lists(corners, max_size=4).map(lambda found: np.array(found, np.float32).reshape(-1, 4))


def counted_overlap(first, second):
    """Count unit squares."""

    def squares(box):
        x1, y1, x2, y2 = map(int, box)
        return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}

    a, b = squares(first), squares(second)
    return len(a & b) / len(a | b) if a | b else 0.0


@given(first=boxes, second=boxes)
def test_overlaps_are_those_of_counted_squares(first, second):
    expected = [[counted_overlap(a, b) for b in second] for a in first]
    np.testing.assert_allclose(exact_iou(first, second), np.reshape(expected, (len(first), len(second))))


@given(first=boxes, second=boxes, iou=st.sampled_from([0.01, 0.3, 0.5, 1.0]))
def test_no_other_one_to_one_matching_overlaps_more(first, second, iou):
    pairs = match_boxes(first, second, iou=iou)
    overlaps = exact_iou(first, second)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    assert all(overlaps[pair] >= iou for pair in pairs)
    usable = np.where(overlaps >= iou, overlaps, 0)
    if usable.shape[0] > usable.shape[1]:
        usable = usable.T
    rows, columns = usable.shape
    best = max(sum(usable[range(rows), order]) for order in permutations(range(columns), rows))
    assert sum(overlaps[pair] for pair in pairs) == pytest.approx(best)


def test_the_nearest_is_given_up_where_both_can_be_matched():
    outlines = np.array([[0, 0, 10, 10], [0, 0, 10, 8]], np.float32)
    poses = np.array([[0, 0, 10, 8], [0, 0, 10, 7]], np.float32)
    assert match_boxes(outlines, poses, iou=0.75) == [(0, 0), (1, 1)]
