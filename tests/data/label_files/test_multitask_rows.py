"""Both layouts of multitask rows, told apart per file or named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.yolo.parse import parse_labels
from posekit.data.yolo.rows import LabelRule

FRACTIONS = st.floats(0.25, 0.75, width=32)
# Lower than any keypoint is far right, so that no keypoints pass for a box.
NEAR_CENTRE = st.floats(0.4375, 0.5625, width=32)


def rule(dims=3, **options):
    return LabelRule(task=options.pop("task", "multitask"), nc=3, kpt_shape=(2, dims), **options)


def parse(rows, label_rule):
    text = "\n".join(" ".join(f"{value:.9g}" for value in row) for row in rows)
    return parse_labels(text.encode(), label_rule, "a.txt")


def box_of(outline):
    points = np.reshape(outline, (-1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    return [*((low + high) / 2), *(high - low)]


OUTLINE = [0.1, 0.2, 0.5, 0.2, 0.5, 0.6, 0.2, 0.7]
TRIANGLE = [0.6, 0.6, 0.9, 0.6, 0.9, 0.95]
POINTS = {3: [0.2, 0.3, 2, 0.4, 0.5, 1], 2: [0.2, 0.3, 0.4, 0.5]}


def expect_two(label_file, dims):
    np.testing.assert_array_equal(label_file.classes, [0, 1])
    np.testing.assert_allclose(label_file.boxes, [box_of(OUTLINE), box_of(TRIANGLE)], atol=1e-6)
    np.testing.assert_allclose(label_file.polygons[0], np.reshape(OUTLINE, (-1, 2)))
    np.testing.assert_allclose(label_file.polygons[1], np.reshape(TRIANGLE, (-1, 2)))
    visibility = [2, 1] if dims == 3 else [1, 1]
    np.testing.assert_allclose(label_file.keypoints, [[[0.2, 0.3, visibility[0]], [0.4, 0.5, visibility[1]]]] * 2)
    assert not label_file.problems


@pytest.mark.parametrize("layout", [None, "box_keypoints_polygon"])
@pytest.mark.parametrize("dims", [2, 3])
def test_rows_with_a_box_in_front(dims, layout):
    rows = [[0, *box_of(OUTLINE), *POINTS[dims], *OUTLINE], [1, *box_of(TRIANGLE), *POINTS[dims], *TRIANGLE]]
    expect_two(parse(rows, rule(dims, layout=layout)), dims)


@pytest.mark.parametrize("layout", [None, "keypoints_polygon"])
@pytest.mark.parametrize("dims", [2, 3])
def test_rows_without_a_box(dims, layout):
    rows = [[0, *POINTS[dims], *OUTLINE], [1, *POINTS[dims], *TRIANGLE]]
    expect_two(parse(rows, rule(dims, layout=layout)), dims)


def test_a_box_drawn_loosely_is_told_by_the_visibilities_and_kept():
    loose = [0.3, 0.45, 0.6, 0.7]
    label_file = parse([[0, *loose, *POINTS[3], *OUTLINE]], rule())
    np.testing.assert_allclose(label_file.boxes, [loose])
    np.testing.assert_allclose(label_file.keypoints[0, 0], [0.2, 0.3, 2])


def test_a_pose_row_among_them_is_an_object_without_polygon():
    for rows in (
        [[0, *box_of(OUTLINE), *POINTS[3], *OUTLINE], [1, 0.5, 0.5, 0.4, 0.4, *POINTS[3]]],
        [[0, *POINTS[3], *OUTLINE], [1, 0.5, 0.5, 0.4, 0.4, *POINTS[3]]],
    ):
        label_file = parse(rows, rule())
        assert [polygon.shape for polygon in label_file.polygons] == [(4, 2), (0, 2)]
        np.testing.assert_allclose(label_file.boxes[1], [0.5, 0.5, 0.4, 0.4])
        assert label_file.keypoints.shape == (2, 2, 3)


def test_a_file_of_pose_rows_has_no_polygons():
    label_file = parse([[0, 0.5, 0.5, 0.4, 0.4, *POINTS[3]]], rule())
    assert label_file.polygons is None
    np.testing.assert_allclose(label_file.keypoints[0, 1], [0.4, 0.5, 1])


@pytest.mark.parametrize("dims", [2, 3])
def test_classes_without_keypoints_may_have_the_polygon_alone_or_zeros(dims):
    with_keypoints = rule(dims, keypoint_classes=frozenset({0}))
    label_file = parse([[0, *POINTS[dims], *OUTLINE], [1, *TRIANGLE]], with_keypoints)
    np.testing.assert_allclose(label_file.polygons[1], np.reshape(TRIANGLE, (-1, 2)))
    assert not label_file.keypoints[1].any()
    zeros = [0] * len(POINTS[dims])
    rows = [[0, *box_of(OUTLINE), *POINTS[dims], *OUTLINE], [1, *box_of(TRIANGLE), *zeros, *TRIANGLE]]
    label_file = parse(rows, with_keypoints)
    np.testing.assert_allclose(label_file.polygons[1], np.reshape(TRIANGLE, (-1, 2)))
    assert not label_file.keypoints[1].any()


def test_wrong_widths_are_told_with_what_either_form_needs():
    (problem,) = parse([[0, *POINTS[3], *OUTLINE], [1, *POINTS[3], *TRIANGLE[:-1]]], rule()).problems
    assert (problem.line, problem.code, problem.objects) == (2, "wrong_columns", 2)
    assert "12 columns, expected 11 = 5 + K*D (class, box, keypoints), or 7 (class, 2 keypoints of 3" in problem.message
    named = rule(layout="box_keypoints_polygon")
    (problem,) = parse([[0, *POINTS[3], *OUTLINE, 0.5, 0.5, 0.5]], named).problems
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
    (problem,) = parse([row], rule()).problems
    assert (problem.code, word in problem.message) == (code, True)
    index = problem.message.split(" is ")[1].split(",")[0].split(")")[0]
    line = " ".join(f"{value:.9g}" for value in row)
    assert line[problem.column - 1 :].startswith(index)


@pytest.mark.parametrize("task", ["detect", "pose", "segment"])
def test_other_tasks_take_their_part_of_rows_whose_layout_is_named(task):
    rows = [[0, *POINTS[3], *OUTLINE]]
    label_file = parse(rows, rule(task=task, layout="keypoints_polygon"))
    np.testing.assert_allclose(label_file.boxes, [box_of(OUTLINE)], atol=1e-6)
    assert (label_file.keypoints is not None) == (task == "pose")
    assert (label_file.polygons is not None) == (task != "pose")


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
    label_file = parse(rows, rule(single_cls=True))
    assert len(label_file.classes) + sum(found.objects for found in label_file.problems) == len(rows)
    assert not label_file.is_corrupt
    np.testing.assert_allclose(label_file.keypoints, np.tile(np.float32(points), (len(label_file.classes), 1, 1)))
