"""Labels as columns: each picture's view has the numbers that were put in, whatever part is taken."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.labels import Labels, PictureLabels, Split
from posekit.errors import ShapeError


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
