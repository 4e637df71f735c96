"""What is told about the rows of a label file, and what becomes of those that are right."""

import numpy as np
import pytest

from posekit.data.yolo.parse import MAX_PROBLEMS, parse_labels
from posekit.data.yolo.rows import LabelRule
from posekit.errors import DatasetError

DETECT = LabelRule(task="detect", nc=2)
SEGMENT = LabelRule(task="segment", nc=2)
POSE = LabelRule(task="pose", nc=2, kpt_shape=(2, 3))
GOOD_POSE = "0 .5 .5 .4 .4 .4 .4 2 .6 .6 1"


def parse(text, rule=DETECT):
    return parse_labels(text if isinstance(text, bytes) else text.encode(), rule, "a.txt")


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
    label_file = parse("0 .5 .5 .2 .2\n0 x .5 .2 .2\n0 .5 .5 .2 .2 9\n5 .5 .5 .2 7")
    assert [(found.line, found.code) for found in label_file.problems] == [
        (2, "not_a_number"), (3, "wrong_columns"), (4, "class_out_of_range"), (4, "out_of_bounds"),
    ]  # fmt: skip
    assert [found.objects for found in label_file.problems] == [4, 0, 0, 0]
    assert [found.picture for found in label_file.problems] == [True, False, False, False]
    assert label_file.problems[0].message.endswith("; the picture is left out with its 4 objects")
    assert label_file.is_corrupt
    assert len(label_file.classes) == 0


def test_a_file_of_nothing_but_mistakes_ends_with_their_number():
    label_file = parse("0 .5 .5 .2 640\n" * 1000)
    assert len(label_file.problems) == MAX_PROBLEMS + 1
    assert label_file.problems[-1].message == f"and {1000 - MAX_PROBLEMS} more such problems in this file"
    assert sum(found.objects for found in label_file.problems) == 1000


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
    label_file = parse(mark + ending.join(["0 .5 .5 .2 .2", "1\t.1  .1 .1 .1 ", ""]))
    assert label_file.rows == 2
    np.testing.assert_array_equal(label_file.classes, [0, 1])
    assert not label_file.problems


def test_repeated_rows_are_removed_one_problem_each_and_the_others_sorted():
    label_file = parse("1 .5 .5 .2 .2\n0 .6 .5 .2 .2\n\n1 .50 .5 .2 .2\n0 .5 .5 -0 0\n0 .5 .5 0 0\n1 .5 .5 .2 .2")
    assert [(found.line, found.objects) for found in label_file.problems] == [(4, 1), (6, 1), (7, 1)]
    assert label_file.problems[0].message == "the same object as in line 1, left out"
    np.testing.assert_array_equal(label_file.classes, [0, 0, 1])
    np.testing.assert_allclose(label_file.boxes[:, 0], [0.5, 0.6, 0.5])
    assert not label_file.is_corrupt


def test_a_repeated_row_may_repeat_often():
    label_file = parse("0 .5 .5 .2 .2\n" * 500)
    assert len(label_file.problems) == MAX_PROBLEMS + 1
    assert sum(found.objects for found in label_file.problems) == 499 == label_file.rows - len(label_file.classes)


def test_persons_with_one_box_but_other_keypoints_are_no_repetition_even_for_boxes():
    rows = f"{GOOD_POSE}\n0 .5 .5 .4 .4 .4 .4 2 .6 .6 2"
    assert len(parse(rows, POSE).classes) == 2
    assert len(parse(rows, LabelRule(task="detect", nc=1, kpt_shape=(2, 3))).classes) == 2


def test_repeated_polygons_are_removed_with_their_points():
    label_file = parse("1 .5 .5 .9 .5 .9 .9\n0 .1 .1 .4 .1 .4 .5\n1 .5 .5 .9 .5 .9 .9", SEGMENT)
    np.testing.assert_array_equal(label_file.classes, [0, 1])
    np.testing.assert_allclose(label_file.polygons[0][0], [0.1, 0.1])
    np.testing.assert_allclose(label_file.boxes[1], [0.7, 0.7, 0.4, 0.4], atol=1e-7)


def test_visibilities_other_than_0_1_2_are_mended_and_told():
    label_file = parse("0 .5 .5 .4 .4 .4 .4 0.93 .6 .6 7\n0 .5 .5 .3 .4 .4 .4 -0.001 .6 .6 0", POSE)
    np.testing.assert_array_equal(label_file.keypoints[..., 2], [[1, 2], [0, 0]])
    (problem,) = label_file.problems
    assert (problem.line, problem.column, problem.code, problem.objects) == (1, 21, "visibility", 0)
    assert "visibility 0.93 of keypoint 1 is taken as 1" in problem.message
    assert "this file has 3 such values" in problem.message


def test_keypoints_of_two_values_are_visible_unless_negative():
    rule = LabelRule(task="pose", nc=1, kpt_shape=(3, 2))
    label_file = parse("0 .5 .5 .4 .4 0 0 .4 -.005 -.005 .4", rule)
    np.testing.assert_array_equal(label_file.keypoints[0, :, 2], [1, 0, 0])


def test_polygons_that_chance_to_be_as_long_as_poses_stay_polygons():
    rule = LabelRule(task="segment", nc=1, kpt_shape=(2, 3))
    outline = "0 .1 .1 .4 .1 .4 .5 .3 .5 .1 .2"
    assert len(outline.split()) == rule.pose_columns
    assert len(parse(outline, rule).polygons) == 1
    assert parse(GOOD_POSE, rule).polygons is None


def test_the_class_stays_as_written_with_a_single_class():
    rule = LabelRule(task="detect", nc=1, single_cls=True)
    np.testing.assert_array_equal(parse("7 .5 .5 .2 .2", rule).classes, [7])
    assert told(f"{2**31} .5 .5 .2 .2", rule)[0][2] == "class_out_of_range"


def test_a_file_without_rows_has_no_objects():
    label_file = parse("\ufeff \n\t\n")
    assert (label_file.rows, len(label_file.classes), label_file.problems) == (0, 0, ())


@pytest.mark.parametrize(
    "values", [{"task": "classify"}, {"task": "pose"}, {"task": "multitask"}, {"task": "detect", "layout": "polygon"}]
)
def test_a_rule_that_cannot_be_followed_is_refused(values):
    with pytest.raises(DatasetError):
        LabelRule(nc=1, **values)
