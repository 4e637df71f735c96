"""Label files: what their rows come to, what is told of those that are wrong, and pictures read with them from disk."""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.label_files.mutations import parse
from posekit.data.find_pictures import label_file_name
from posekit.data.yolo.parse import MAX_PROBLEMS, UNAVAILABLE, scan_label_files
from posekit.data.yolo.rows import LabelRule, read_label_bytes
from posekit.errors import DatasetError

DETECT = LabelRule(task="detect", nc=2)
SEGMENT = LabelRule(task="segment", nc=2)
POSE = LabelRule(task="pose", nc=2, kpt_shape=(2, 3))
GOOD_POSE = "0 .5 .5 .4 .4 .4 .4 2 .6 .6 1"


def told(text, rule=DETECT):
    """Return line, column, code and message of every problem."""
    return [(found.line, found.column, found.code, found.message) for found in parse(text, rule).problems]


@pytest.mark.parametrize(
    ("text", "rule", "line", "column", "code", "message"),
    [
        ("0 .5 .5 .2 .2\n1  .5 x1 .2 .2", DETECT, 2, 7, "not_a_number", "'x1' is no number"),
        ("0 .5 .5 .2 1_0", DETECT, 1, 12, "not_a_number", "'1_0' is no number"),
        ("0 .5 .5 .2 \u0661", DETECT, 1, 12, "not_a_number", "'\u0661' is no number"),
        ("0 .5 .5 .2 1\0", DETECT, 1, 12, "not_a_number", r"'1\x00' is no number"),
        ("é é é é é", DETECT, 1, 1, "not_a_number", "'é' is no number"),
        ("0 .5 nan .2 .2", DETECT, 1, 6, "not_finite", "'nan' is not finite"),
        ("0 .5 .5 .2 1e999", DETECT, 1, 12, "not_finite", "'1e999' is not finite or far too large"),
        ("0 .5 .5 .2 1e39", DETECT, 1, 12, "not_finite", "'1e39' is not finite or far too large"),
        ("\ufeff\n\n  3 .5 .5 .2 .2", DETECT, 3, 3, "class_out_of_range", "class 3 does not exist; expected 0 to 1"),
        ("-1 .5 .5 .2 .2", DETECT, 1, 1, "class_out_of_range", "class -1 does not exist"),
        ("0.5 .5 .5 .2 .2", DETECT, 1, 1, "fractional_class", "class 0.5 is no whole number"),
        ("0 .5 320 .2 .2", DETECT, 1, 6, "out_of_bounds", "cy is 320, expected at most 1.01"),
        ("0 .5 -.2 .2 .2", DETECT, 1, 6, "negative", "cy is -0.2, expected at least -0.01"),
        ("0 .5 .5 .2 -.001", DETECT, 1, 12, "negative", "h is -0.001, expected at least 0"),
        ("0 .5 .5 .2", DETECT, 1, 9, "wrong_columns", "4 columns, expected 5: a box (class, cx, cy, w, h)"),
        ("0 .5 .5 .2 .2 .3", DETECT, 1, 15, "wrong_columns", "6 columns, expected 5"),
        ("0 .1 .1 .4 .1 .4 .5\n0 .1 .1 .4 .1 .4 .5 .3", SEGMENT, 2, 21, "wrong_columns", "an odd number from 7"),
        ("0 .1 .1 .4 .1 .4 .5\n0 .1 .1 .4 .1", SEGMENT, 2, 12, "mixed_rows", "a box (5 columns) among polygons"),
        ("0 .1 .1 .4 .1 .4 5", SEGMENT, 1, 18, "out_of_bounds", "cy of the outline (y of point 3 is 5)"),
        ("0 -.9 .1 .4 .1 .4 .5", SEGMENT, 1, 3, "negative", "cx of the outline (x of point 1 is -0.9)"),
        ("0 .5 .5 .4 .4", POSE, 1, 12, "wrong_columns", "5 columns, expected 11: 5 + K*D"),
        (f"{GOOD_POSE} 3", POSE, 1, 31, "wrong_columns", "12 columns, expected 11: 5 + K*D"),
        ("0 .5 .5 .4 .4 .4 .4 2 .6 48 1", POSE, 1, 26, "out_of_bounds", "y of keypoint 2 is 48, expected at most 1.01"),
        ("0 .5 .5 .4 .4 -.4 .4 2 .6 .6 1", POSE, 1, 15, "negative", "x of keypoint 1 is -0.4"),
        ("0 .5 .5 .4 .4 .4 .4 -1 .6 .6 1", POSE, 1, 21, "negative", "visibility of keypoint 1 is -1"),
        ("0 1e30 .5 .4 .4 .4 .4 2 .6 .6 1", POSE, 1, 3, "out_of_bounds", "cx is 1e+30, expected at most 100"),
    ],
)
def test_a_wrong_row_is_told_by_line_and_column(text, rule, line, column, code, message):
    ((first_line, first_column, first_code, first_message),) = told(text, rule)
    assert (first_line, first_column, first_code) == (line, column, code)
    assert message in first_message


def test_the_first_problem_leaves_the_picture_out_with_all_its_objects():
    read = parse("0 .5 .5 .2 .2\n0 x .5 .2 .2\n0 .5 .5 .2 .2 9\n5 .5 .5 .2 7", DETECT)
    assert [(found.line, found.code) for found in read.problems] == [
        (2, "not_a_number"), (3, "wrong_columns"), (4, "class_out_of_range"), (4, "out_of_bounds"),
    ]  # fmt: skip
    assert [found.objects for found in read.problems] == [4, 0, 0, 0]
    assert [found.picture for found in read.problems] == [True, False, False, False]
    assert read.problems[0].message.endswith("; the picture is left out with its 4 objects")
    assert read.labels is None


def test_a_file_of_nothing_but_mistakes_ends_with_their_number():
    read = parse("0 .5 .5 .2 640\n" * 1000, DETECT)
    assert len(read.problems) == MAX_PROBLEMS + 1
    assert read.problems[-1].message == f"and {1000 - MAX_PROBLEMS} more such problems in this file"
    assert sum(found.objects for found in read.problems) == 1000


def test_a_message_quotes_no_more_than_the_start_of_a_long_word():
    assert len(told("0 .5 .5 .2 " + "x" * 100_000)[0][3]) < 200


@pytest.mark.parametrize(
    ("data", "byte", "kind"),
    [
        ("0 .5 .5 .2 .2\n".encode("utf-16"), 0, "looks like UTF-16"),
        (b"0 .5 .5 .2 .2\n0 .5 \xff .2 .2\n", 19, "is not UTF-8"),
        (b"\xef\xbb\xbf0 \xe9 .5 .2 .2\n", 5, "is not UTF-8"),
    ],
)
def test_a_file_in_another_encoding_is_told_by_its_byte(data, byte, kind):
    ((line, column, code, message),) = told(data)
    assert code == "not_utf8"
    assert kind in message
    assert f"at byte position {byte}" in message
    assert column <= len(data.removeprefix(b"\xef\xbb\xbf").splitlines()[line - 1])


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\n\n \t\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_blank_lines_and_a_byte_order_mark_do_not_matter(ending, mark):
    read = parse(mark + ending.join(["0 .5 .5 .2 .2", "1\t.1  .1 .1 .1 ", ""]), DETECT)
    assert read.rows == 2
    np.testing.assert_array_equal(read.labels.classes, [0, 1])
    assert not read.problems


def test_repeated_rows_are_removed_one_problem_each_and_the_others_sorted():
    read = parse("1 .5 .5 .2 .2\n0 .6 .5 .2 .2\n\n1 .50 .5 .2 .2\n0 .5 .5 -0 0\n0 .5 .5 0 0\n1 .5 .5 .2 .2", DETECT)
    assert [(found.line, found.objects) for found in read.problems] == [(4, 1), (6, 1), (7, 1)]
    assert read.problems[0].message == "the same object as in line 1, left out"
    np.testing.assert_array_equal(read.labels.classes, [0, 0, 1])
    np.testing.assert_allclose(read.labels.boxes[:, 0], [0.5, 0.6, 0.5])
    assert read.labels is not None


def test_a_repeated_row_may_repeat_often():
    read = parse("0 .5 .5 .2 .2\n" * 500, DETECT)
    assert len(read.problems) == MAX_PROBLEMS + 1
    assert sum(found.objects for found in read.problems) == 499 == read.rows - len(read.labels.classes)


def test_persons_with_one_box_but_other_keypoints_are_no_repetition_even_for_boxes():
    rows = f"{GOOD_POSE}\n0 .5 .5 .4 .4 .4 .4 2 .6 .6 2"
    assert len(parse(rows, POSE).labels) == 2
    assert len(parse(rows, LabelRule(task="detect", nc=1, kpt_shape=(2, 3))).labels) == 2


def test_repeated_polygons_are_removed_with_their_points():
    read = parse("1 .5 .5 .9 .5 .9 .9\n0 .1 .1 .4 .1 .4 .5\n1 .5 .5 .9 .5 .9 .9", SEGMENT)
    np.testing.assert_array_equal(read.labels.classes, [0, 1])
    np.testing.assert_allclose(read.labels.polygons[0][0], [0.1, 0.1])
    np.testing.assert_allclose(read.labels.boxes[1], [0.7, 0.7, 0.4, 0.4], atol=1e-7)


def test_visibilities_other_than_0_1_2_are_mended_and_told():
    read = parse("0 .5 .5 .4 .4 .4 .4 0.93 .6 .6 7\n0 .5 .5 .3 .4 .4 .4 -0.001 .6 .6 0", POSE)
    np.testing.assert_array_equal(read.labels.keypoints[..., 2], [[1, 2], [0, 0]])
    (problem,) = read.problems
    assert (problem.line, problem.column, problem.code, problem.objects) == (1, 21, "visibility", 0)
    assert "visibility 0.93 of keypoint 1 is taken as 1" in problem.message
    assert "this file has 3 such values" in problem.message


def test_keypoints_of_two_values_are_visible_unless_negative():
    rule = LabelRule(task="pose", nc=1, kpt_shape=(3, 2))
    read = parse("0 .5 .5 .4 .4 0 0 .4 -.005 -.005 .4", rule)
    np.testing.assert_array_equal(read.labels.keypoints[0, :, 2], [1, 0, 0])


def test_polygons_that_chance_to_be_as_long_as_poses_stay_polygons():
    rule = LabelRule(task="segment", nc=1, kpt_shape=(2, 3))
    outline = "0 .1 .1 .4 .1 .4 .5 .3 .5 .1 .2"
    assert len(outline.split()) == rule.pose_columns
    assert len(parse(outline, rule).labels.polygons) == 1
    assert parse(GOOD_POSE, rule).labels.polygons is None


def test_the_class_stays_as_written_with_a_single_class():
    rule = LabelRule(task="detect", nc=1, single_cls=True)
    np.testing.assert_array_equal(parse("7 .5 .5 .2 .2", rule).labels.classes, [7])
    assert told(f"{2**31} .5 .5 .2 .2", rule)[0][2] == "class_out_of_range"


def test_a_file_without_rows_has_no_objects():
    read = parse("\ufeff \n\t\n", DETECT)
    assert (read.rows, len(read.labels.classes), read.problems) == (0, 0, ())


@pytest.mark.parametrize(
    "values", [{"task": "classify"}, {"task": "pose"}, {"task": "multitask"}, {"task": "detect", "layout": "polygon"}]
)
def test_a_rule_that_cannot_be_followed_is_refused(values):
    with pytest.raises(DatasetError):
        LabelRule(nc=1, **values)


# Label files that the reference implementation read, with what it made of them.

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
    return None if data is None else parse(data, rule, str(path))


@pytest.mark.parametrize("box_task", ["detect", "segment"])
@pytest.mark.parametrize("name", [str(name) for name in GOLDEN["label/names"]])
def test_a_label_file_comes_to_what_the_reference_makes_of_it(name, tmp_path, box_task):
    missing, found, empty, corrupt, reason = (
        int(value) for value in GOLDEN[f"label/{name}/missing_found_empty_corrupt_reason"]
    )
    read = read_case(name, tmp_path, box_task)
    assert (read is None) == bool(missing)
    if read is None:
        return
    codes = [problem.code for problem in read.problems] or ["none"]
    assert [OTHER.get(code, code) for code in codes] == [REASONS[reason]]
    assert (found, bool(empty), bool(corrupt)) == (1, read.rows == 0, read.labels is None)
    if not corrupt:
        expect_objects(name, read.labels)


def expect_objects(name, labels):
    rows = np.column_stack([labels.classes, labels.boxes]).astype(np.float32)
    np.testing.assert_array_equal(rows, GOLDEN[f"label/{name}/rows"])
    if f"label/{name}/keypoints" in GOLDEN:
        np.testing.assert_array_equal(labels.keypoints, GOLDEN[f"label/{name}/keypoints"])
    else:
        assert labels.keypoints is None
    count = sum(key.startswith(f"label/{name}/segment") for key in GOLDEN.files)
    assert len(labels.polygons or ()) == count
    for index in range(count):
        np.testing.assert_array_equal(labels.polygons[index], GOLDEN[f"label/{name}/segment{index}"])


def test_label_files_lie_where_the_reference_looks_for_them():
    for picture, label in zip(GOLDEN["label_path/in"], GOLDEN["label_path/out"], strict=True):
        assert Path(label_file_name(str(picture))).as_posix() == str(label)


# Both layouts of multitask rows, told apart per file or named.

FRACTIONS = st.floats(0.25, 0.75, width=32)
# Lower than any keypoint is far right, so that no keypoints pass for a box.
NEAR_CENTRE = st.floats(0.4375, 0.5625, width=32)


def multitask(dims=3, **options):
    return LabelRule(task=options.pop("task", "multitask"), nc=3, kpt_shape=(2, dims), **options)


def parse_rows(rows, rule):
    return parse("\n".join(" ".join(f"{value:.9g}" for value in row) for row in rows), rule)


def box_of(outline):
    points = np.reshape(outline, (-1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    return [*((low + high) / 2), *(high - low)]


OUTLINE = [0.1, 0.2, 0.5, 0.2, 0.5, 0.6, 0.2, 0.7]
TRIANGLE = [0.6, 0.6, 0.9, 0.6, 0.9, 0.95]
POINTS = {3: [0.2, 0.3, 2, 0.4, 0.5, 1], 2: [0.2, 0.3, 0.4, 0.5]}


def expect_two(read, dims):
    np.testing.assert_array_equal(read.labels.classes, [0, 1])
    np.testing.assert_allclose(read.labels.boxes, [box_of(OUTLINE), box_of(TRIANGLE)], atol=1e-6)
    np.testing.assert_allclose(read.labels.polygons[0], np.reshape(OUTLINE, (-1, 2)))
    np.testing.assert_allclose(read.labels.polygons[1], np.reshape(TRIANGLE, (-1, 2)))
    visibility = [2, 1] if dims == 3 else [1, 1]
    np.testing.assert_allclose(read.labels.keypoints, [[[0.2, 0.3, visibility[0]], [0.4, 0.5, visibility[1]]]] * 2)
    assert not read.problems


@pytest.mark.parametrize("layout", [None, "box_keypoints_polygon"])
@pytest.mark.parametrize("dims", [2, 3])
def test_rows_with_a_box_in_front(dims, layout):
    rows = [[0, *box_of(OUTLINE), *POINTS[dims], *OUTLINE], [1, *box_of(TRIANGLE), *POINTS[dims], *TRIANGLE]]
    expect_two(parse_rows(rows, multitask(dims, layout=layout)), dims)


@pytest.mark.parametrize("layout", [None, "keypoints_polygon"])
@pytest.mark.parametrize("dims", [2, 3])
def test_rows_without_a_box(dims, layout):
    rows = [[0, *POINTS[dims], *OUTLINE], [1, *POINTS[dims], *TRIANGLE]]
    expect_two(parse_rows(rows, multitask(dims, layout=layout)), dims)


def test_a_box_drawn_loosely_is_told_by_the_visibilities_and_kept():
    loose = [0.3, 0.45, 0.6, 0.7]
    read = parse_rows([[0, *loose, *POINTS[3], *OUTLINE]], multitask())
    np.testing.assert_allclose(read.labels.boxes, [loose])
    np.testing.assert_allclose(read.labels.keypoints[0, 0], [0.2, 0.3, 2])


def test_a_pose_row_among_them_is_an_object_without_polygon():
    for rows in (
        [[0, *box_of(OUTLINE), *POINTS[3], *OUTLINE], [1, 0.5, 0.5, 0.4, 0.4, *POINTS[3]]],
        [[0, *POINTS[3], *OUTLINE], [1, 0.5, 0.5, 0.4, 0.4, *POINTS[3]]],
    ):
        read = parse_rows(rows, multitask())
        assert [polygon.shape for polygon in read.labels.polygons] == [(4, 2), (0, 2)]
        np.testing.assert_allclose(read.labels.boxes[1], [0.5, 0.5, 0.4, 0.4])
        assert read.labels.keypoints.shape == (2, 2, 3)


def test_a_file_of_pose_rows_has_no_polygons():
    read = parse_rows([[0, 0.5, 0.5, 0.4, 0.4, *POINTS[3]]], multitask())
    assert read.labels.polygons is None
    np.testing.assert_allclose(read.labels.keypoints[0, 1], [0.4, 0.5, 1])


@pytest.mark.parametrize("dims", [2, 3])
def test_classes_without_keypoints_may_have_the_polygon_alone_or_zeros(dims):
    with_keypoints = multitask(dims, keypoint_classes=frozenset({0}))
    read = parse_rows([[0, *POINTS[dims], *OUTLINE], [1, *TRIANGLE]], with_keypoints)
    np.testing.assert_allclose(read.labels.polygons[1], np.reshape(TRIANGLE, (-1, 2)))
    assert not read.labels.keypoints[1].any()
    zeros = [0] * len(POINTS[dims])
    rows = [[0, *box_of(OUTLINE), *POINTS[dims], *OUTLINE], [1, *box_of(TRIANGLE), *zeros, *TRIANGLE]]
    read = parse_rows(rows, with_keypoints)
    np.testing.assert_allclose(read.labels.polygons[1], np.reshape(TRIANGLE, (-1, 2)))
    assert not read.labels.keypoints[1].any()


def test_wrong_widths_are_told_with_what_either_form_needs():
    (problem,) = parse_rows([[0, *POINTS[3], *OUTLINE], [1, *POINTS[3], *TRIANGLE[:-1]]], multitask()).problems
    assert (problem.line, problem.code, problem.objects) == (2, "wrong_columns", 2)
    assert "12 columns, expected 11 = 5 + K*D (class, box, keypoints), or 7 (class, 2 keypoints of 3" in problem.message
    named = multitask(layout="box_keypoints_polygon")
    (problem,) = parse_rows([[0, *POINTS[3], *OUTLINE, 0.5, 0.5, 0.5]], named).problems
    assert "or 11 (class, box, 2 keypoints of 3 values) and x y of 3 or more outline points" in problem.message


@pytest.mark.parametrize(
    ("row", "word", "code"),
    [
        ([0, 0.2, 0.3, 2, 0.4, 1.5, 1, *OUTLINE], "y of keypoint 2", "out_of_bounds"),
        ([0, 0.2, 0.3, 2, 0.4, 0.5, 1, *OUTLINE[:-1], 700], "y of point 4 is 700", "out_of_bounds"),
        ([0, 0.2, 0.3, 2, -0.4, 0.5, 1, *OUTLINE], "x of keypoint 2", "negative"),
    ],
)
def test_values_out_of_range_are_told(row, word, code):
    (problem,) = parse_rows([row], multitask()).problems
    assert (problem.code, word in problem.message) == (code, True)
    index = problem.message.split(" is ")[1].split(",")[0].split(")")[0]
    line = " ".join(f"{value:.9g}" for value in row)
    assert line[problem.column - 1 :].startswith(index)


@pytest.mark.parametrize("task", ["detect", "pose", "segment"])
def test_other_tasks_take_their_part_of_rows_whose_layout_is_named(task):
    rows = [[0, *POINTS[3], *OUTLINE]]
    read = parse_rows(rows, multitask(task=task, layout="keypoints_polygon"))
    np.testing.assert_allclose(read.labels.boxes, [box_of(OUTLINE)], atol=1e-6)
    assert (read.labels.keypoints is not None) == (task == "pose")
    assert (read.labels.polygons is not None) == (task != "pose")


@given(
    boxed=st.booleans(),
    outlines=st.lists(st.lists(st.tuples(NEAR_CENTRE, NEAR_CENTRE), min_size=3, max_size=9), min_size=1, max_size=4),
    points=st.lists(st.tuples(FRACTIONS, FRACTIONS, st.sampled_from([0, 1, 2])), min_size=2, max_size=2),
)
def test_the_layout_of_any_file_with_visibilities_is_found(boxed, outlines, points):
    values = np.ravel(points).tolist()
    rows = [
        [number % 3, *(box_of(outline) if boxed else []), *values, *np.ravel(outline)]
        for number, outline in enumerate(outlines)
    ]
    read = parse_rows(rows, multitask(single_cls=True))
    assert len(read.labels) + sum(found.objects for found in read.problems) == len(rows)
    assert read.labels is not None
    np.testing.assert_allclose(read.labels.keypoints, np.tile(np.float32(points), (len(read.labels), 1, 1)))


# Pictures with their label files, read from disk.

ROW = f"{GOOD_POSE}\n"
OTHER_ROW = "0 .5 .5 .4 .4 .4 .4 2 .6 .6 2\n"


@pytest.fixture
def make(tmp_path):
    """Make a picture of 20x30, with a label file when there is a text for it."""

    def make_picture(name, text=None, size=(20, 30)):
        cv2.imwrite(str(tmp_path / name), np.zeros((*size, 3), np.uint8))
        if text is not None:
            (tmp_path / name).with_suffix(".txt").write_text(text)
        return str(tmp_path / name)

    return make_picture


def test_objects_backgrounds_and_corrupt_pictures_are_counted(make, tmp_path):
    pictures = [
        make("a.png", ROW + OTHER_ROW),
        make("b.png"),
        make("c.png", "\n"),
        make("d.png", ROW + ROW),
        make("e.png", ROW + "0 .5\n"),
        make("f.png", ROW + OTHER_ROW, size=(5, 30)),
        str(tmp_path / "missing.png"),
    ]
    read, report = scan_label_files(pictures, POSE)
    assert list(read.paths) == pictures[:4]
    assert read.counts.tolist() == [2, 0, 0, 1]
    assert (report.found, report.missing, report.empty, report.corrupt) == (5, 2, 1, 3)
    assert (report.objects, report.dropped) == (3, 1 + 2 + 2)
    assert [(found.code, found.objects, found.picture) for found in report.problems] == [
        ("duplicates_removed", 1, False), ("wrong_columns", 2, True), ("picture", 2, True), ("picture", 0, True),
    ]  # fmt: skip
    assert str(report.problems[2]) == (
        f"{pictures[5]}: is 30x5 pixels (width x height); both sides must have at least 10; "
        "the picture is left out with its 2 objects"
    )
    assert str(report.problems[1]).startswith(f"{tmp_path / 'e.txt'}:2:3: 2 columns, expected 11: 5 + K*D")


def test_labels_have_their_shapes_and_types(make):
    full, empty = scan_label_files([make("a.png", ROW), make("b.png")], POSE)[0]
    assert full.size == empty.size == (20, 30)
    for labels, count in ((full, 1), (empty, 0)):
        assert labels.classes.shape == (count,)
        assert labels.boxes.shape == (count, 4)
        assert labels.keypoints.shape == (count, 2, 3)
        assert (labels.classes.dtype, labels.boxes.dtype, labels.keypoints.dtype) == (np.int64, np.float32, np.float32)
        assert labels.polygons is None


@pytest.mark.parametrize("task", ["segment", "multitask"])
def test_tasks_with_polygons_have_one_entry_per_object(make, task):
    rule = LabelRule(task=task, nc=2, kpt_shape=(2, 3))
    keypoints = "" if task == "segment" else ".4 .4 2 .6 .6 1 "
    texts = [ROW, "", f"0 {keypoints}.1 .1 .4 .1 .4 .5"]
    pose, empty, outlined = scan_label_files([make(f"{n}.png", t) for n, t in enumerate(texts)], rule)[0]
    assert [polygon.shape for polygon in pose.polygons] == [(0, 2)]
    assert empty.polygons == ()
    assert [polygon.shape for polygon in outlined.polygons] == [(3, 2)]


def test_label_files_lie_in_the_labels_folder(tmp_path):
    for folder in ("images/val", "labels/val"):
        (tmp_path / folder).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images/val/a.png"), np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "labels/val/a.txt").write_text("1 .5 .5 .4 .4")
    assert scan_label_files([str(tmp_path / "images/val/a.png")], DETECT)[1].objects == 1


def test_what_is_no_readable_label_file_leaves_the_picture_out(make, tmp_path):
    pictures = [make(f"{name}.png") for name in ("folder", "link")]
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "gone")
    report = scan_label_files(pictures, DETECT)[1]
    assert [found.message.split(";")[0] for found in report.problems] == [
        "is a folder",
        "is a link to a place that does not exist",
    ]
    assert (report.corrupt, report.missing, report.found) == (2, 0, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(make, tmp_path):
    picture = make("a.png")
    os.mkfifo(tmp_path / "a.txt")
    (problem,) = scan_label_files([picture], DETECT)[1].problems
    assert problem.message.startswith("is a pipe or a device; expected a text file")


def test_a_missing_package_is_told_as_what_it_is(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setitem(sys.modules, "rawpy", None)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.dng", "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    (problem,) = scan_label_files([str(tmp_path / "a.dng")], DETECT)[1].problems
    assert problem.code == UNAVAILABLE
    assert "posekit[raw]" in problem.message
