"""Labels of a split as columns, and objects in pixels as label rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posekit.data.annotation import (
    MARGIN,
    ObjectAnnotation,
    PictureAnnotation,
    box_around_keypoints,
    box_around_parts,
    derive_box,
)
from posekit.data.labels import Labels, PictureLabels, Split
from posekit.data.to_labels import LabelRows
from posekit.errors import ShapeError
from posekit.files.problems import ProblemList
from posekit.ops.polygons import join_contours


def picture(number, count, *, points=2, outlined=True):
    """Return a picture with so many objects; every second one has a polygon."""
    rng = np.random.default_rng((number, count))
    return PictureLabels(
        path=f"/set/{number % 3}/{number}.jpg",
        size=(40 + number, 50),
        classes=rng.integers(0, 3, count),
        boxes=rng.random((count, 4), np.float32),
        keypoints=rng.random((count, points, 3), np.float32) if points else None,
        polygons=tuple(rng.random((3 * (i % 2), 2), np.float32) for i in range(count)) if outlined else None,
    )


def assert_same(one, other):
    assert (one.path, one.size) == (other.path, other.size)
    np.testing.assert_array_equal(one.classes, other.classes)
    np.testing.assert_array_equal(one.boxes, other.boxes)
    assert (one.keypoints is None) == (other.keypoints is None)
    if one.keypoints is not None:
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
    assert (one.polygons is None) == (other.polygons is None)
    for first, second in zip(one.polygons or (), other.polygons or (), strict=True):
        np.testing.assert_array_equal(first, second)


@given(
    counts=st.lists(st.integers(0, 4), max_size=6),
    points=st.sampled_from([0, 2]),
    outlined=st.booleans(),
    taken=st.integers(0, 8),
)
def test_pictures_come_out_as_they_went_in(counts, points, outlined, taken):
    pictures = [picture(number, count, points=points, outlined=outlined) for number, count in enumerate(counts)]
    labels = Labels.join(pictures)
    assert len(labels) == len(pictures)
    assert labels.counts.tolist() == counts
    assert labels.picture_sizes == [one.size for one in pictures]
    for one, other in zip(labels, pictures, strict=True):
        assert_same(one, other)
    first = labels.first(taken)
    assert len(first) == min(taken, len(pictures))
    for one, other in zip(first, pictures, strict=False):
        assert_same(one, other)


def test_objects_that_are_not_kept_go_with_all_their_parts():
    labels = Labels.join([picture(0, 3), picture(1, 0), picture(2, 2)])
    kept = labels.keep(np.array([False, True, False, False, True]))
    assert kept.counts.tolist() == [1, 0, 1]
    for index, row in ((0, 1), (2, 1)):
        np.testing.assert_array_equal(kept[index].boxes[0], labels[index].boxes[row])
        np.testing.assert_array_equal(kept[index].keypoints[0], labels[index].keypoints[row])
        np.testing.assert_array_equal(kept[index].polygons[0], labels[index].polygons[row])


def test_parts_that_a_picture_does_not_state_are_unlabelled():
    labels = Labels.join([picture(0, 2), picture(1, 1, points=0, outlined=False)])
    assert not labels[1].keypoints.any()
    assert [polygon.shape for polygon in labels[1].polygons] == [(0, 2)]
    empty = Labels.join([picture(0, 0, points=0, outlined=False)], keypoints=5, polygons=True)
    assert empty[0].keypoints.shape == (0, 5, 3)
    assert empty[0].polygons == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: {"starts": labels.starts + 1},
        lambda labels: {"starts": labels.starts[::-1]},
        lambda labels: {"paths": labels.paths[:1]},
        lambda labels: {"boxes": labels.boxes[:1]},
        lambda labels: {"keypoints": labels.keypoints[:1]},
        lambda labels: {"polygon_starts": labels.polygon_starts[:-1]},
        lambda labels: {"polygon_points": labels.polygon_points[:1]},
    ],
)
def test_columns_that_do_not_fit_together_are_refused(change):
    labels = Labels.join([picture(0, 3), picture(1, 2)])
    with pytest.raises(ShapeError, match=r"columns of . pictures and 5 objects do not fit together"):
        replace(labels, **change(labels))


def test_the_folder_of_a_split_holds_all_its_pictures():
    def folder(*numbers):
        labels = Labels.join([picture(number, 1) for number in numbers])
        return Split(name="val", pictures=labels, names={}, schema=None).folder.as_posix()

    assert folder(0, 3) == "/set/0"
    assert folder(0, 1) == "/set"
    assert folder() == "."


GOLDEN = Path(__file__).parents[1] / "golden" / "train" / "data_coco.npz"


def rows_of(*objects, task="pose", size=(100, 200)):
    problems = ProblemList("x")
    picture = PictureAnnotation(file_name="a.png", path=None, size=size, objects=objects)
    return LabelRows(task=task, keypoints=2, problems=problems).of(picture), problems.all()


def square(x, y, side=10):
    return np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], np.float64)


def test_joined_outlines_are_the_recorded_ones():
    with np.load(GOLDEN) as golden:
        wanted = golden["coco/merge_out"]
    joined = join_contours(
        [square(0, 0).astype(np.int32), square(20, 0).astype(np.int32), square(20, 20).astype(np.int32)]
    )
    assert np.array_equal(joined, wanted)
    assert np.array_equal(join_contours([square(0, 0), square(20, 0), square(20, 20)]), wanted)


def test_joining_long_outlines_takes_little_memory_and_finds_the_closest_points():
    angles = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1) * 100
    joined = join_contours([circle, circle + np.array((300, 0))])
    assert len(joined) == 5001 * 2
    assert joined[0] == pytest.approx((100, 0))
    assert joined[5001] == pytest.approx((200, 0))


def test_a_missing_box_is_derived():
    keypoints = np.array([(20, 20, 2), (60, 40, 1)], np.float64)
    (row,), (problem,) = rows_of(ObjectAnnotation(label=3, keypoints=keypoints))
    assert row.label == 3
    assert row.box.tolist() == pytest.approx([0.2, 0.3, 48 / 200, 28 / 100])
    assert (problem.code, problem.objects) == ("box_from_keypoints", 0)


def test_an_object_without_any_extent_is_left_out_and_named():
    rows, (problem,) = rows_of(ObjectAnnotation(label=0), task="detect")
    assert rows == []
    assert (problem.code, problem.objects, problem.place) == ("no_box", 1, "object 1 of a.png")


def test_coordinates_that_are_no_numbers_do_not_pass():
    keypoints = np.array([(np.nan, 20, 2), (60, 40, 1)])
    (row,), _ = rows_of(ObjectAnnotation(label=0, box=(1, 2, 3, 4), keypoints=keypoints))
    assert row.keypoints.tolist() == [[0, 0, 0], [0.3, 0.4, 1]]
    rows, problems = rows_of(ObjectAnnotation(label=0, box=(1, 2, np.nan, 4)), task="detect")
    assert rows == []
    assert problems[0].objects == 1


def test_the_annotation_is_not_changed():
    keypoints = np.array([(20.0, 20, 2), (600, 40, 1)])
    before = keypoints.copy()
    rows_of(ObjectAnnotation(label=0, box=(1, 2, 30, 40), keypoints=keypoints))
    assert np.array_equal(keypoints, before)


def test_crowds_are_counted_together():
    crowd = ObjectAnnotation(label=0, box=(1, 2, 3, 4), crowd=True)
    rows, (problem,) = rows_of(crowd, crowd, crowd)
    assert rows == []
    assert (problem.code, problem.objects) == ("crowd", 3)
    assert "3 objects, the first is object 1 of a.png" in problem.message


SIZE = (100, 200)


def points(*rows):
    return np.array(rows, np.float64)


def test_the_margin_is_a_share_of_the_longer_side():
    box = box_around_keypoints(points((50, 40, 2), (90, 60, 1), (0, 0, 0)), SIZE)
    margin = MARGIN * 40
    assert box == pytest.approx((50 - margin, 40 - margin, 90 + margin, 60 + margin))


def test_points_in_a_row_still_give_an_area():
    x1, y1, x2, y2 = box_around_keypoints(points((50, 40, 2), (90, 40, 2)), SIZE)
    assert x2 > x1
    assert y2 > y1


def test_unlabelled_points_and_points_outside_do_not_count():
    inside = points((50, 40, 2), (90, 60, 2))
    more = points((50, 40, 2), (90, 60, 2), (10, 10, 0), (500, 50, 2), (-3, 50, 2), (np.nan, 5, 2))
    assert box_around_keypoints(more, SIZE) == box_around_keypoints(inside, SIZE)


@pytest.mark.parametrize("rows", [[(5, 5, 0)], [(5, 5, 2)], [(5, 5, 2), (5, 5, 1)], [(500, 5, 2)]])
def test_fewer_than_two_places_give_no_box(rows):
    assert box_around_keypoints(points(*rows), SIZE) is None


@given(
    arrays(np.float64, (5, 2), elements=st.floats(-300, 300)),
    st.lists(st.sampled_from((0, 1, 2)), min_size=5, max_size=5),
)
def test_the_box_holds_all_labelled_points_and_lies_in_the_picture(xy, visibilities):
    keypoints = np.column_stack([xy, visibilities])
    box = box_around_keypoints(keypoints, SIZE)
    if box is None:
        return
    x1, y1, x2, y2 = box
    assert 0 <= x1 < x2 <= 200
    assert 0 <= y1 < y2 <= 100
    inside = (keypoints[:, 2] > 0) & ((xy >= 0) & (xy <= (200, 100))).all(1)
    assert ((xy[inside] >= (x1, y1)) & (xy[inside] <= (x2, y2))).all()


def test_outlines_go_before_keypoints():
    keypoints = points((50, 40, 2), (90, 60, 1))
    parts = [points((1, 2), (5, 2), (5, 9)), points((7, 3), (8, 3), (8, 4))]
    assert box_around_parts(parts) == (1, 2, 8, 9)
    assert derive_box(parts, keypoints, SIZE).code == "box_from_outline"
    assert derive_box([points((1, 2), (5, 2))], keypoints, SIZE).code == "box_from_keypoints"
    assert derive_box([], None, SIZE) is None
