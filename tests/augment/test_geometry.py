"""Counts agree, objects without an outline keep their boxes, and contradictory samples are refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.objects import move_objects, settle_objects
from posekit.errors import ShapeError


@given(samples(), st.integers(-50, 50), st.integers(-50, 50))
def test_a_shift_moves_every_coordinate_alike(sample, x, y):
    moved = move_objects(sample, lambda rows: rows + np.array([[x], [y]]))
    back = move_objects(moved, lambda rows: rows - np.array([[x], [y]]))
    assert_same_objects(back, sample, within=1e-4)
    np.testing.assert_allclose(moved.boxes - sample.boxes, np.tile((x, y, x, y), (len(sample.boxes), 1)), atol=1e-4)


@given(samples(), st.integers(-90, 90), st.integers(-90, 90))
def test_settled_objects_are_well_formed(sample, x, y):
    moved = move_objects(sample, lambda rows: rows + np.array([[x], [y]]))
    assert_well_formed(settle_objects(moved, sample.boxes))


def test_boxes_become_tight_around_outlines():
    sample = made_sample(1, count=2)
    loose = replace(sample, boxes=np.tile(np.array((0, 0, 80, 64), np.float32), (2, 1)))
    settled = settle_objects(loose, sample.boxes)
    extents = np.array([(*polygon.min(0), *polygon.max(0)) for polygon in sample.polygons])
    np.testing.assert_allclose(settled.boxes, extents.clip(0, (80, 64, 80, 64)), atol=1e-3)


def test_objects_without_an_outline_keep_their_boxes_beside_others():
    sample = made_sample(2, count=2)
    mixed = replace(sample, polygons=(sample.polygons[0], np.zeros((0, 2), np.float32)))
    settled = settle_objects(mixed, sample.boxes)
    np.testing.assert_array_equal(settled.boxes[1], sample.boxes[1])
    assert [len(polygon) for polygon in settled.polygons] == [48, 0]


def test_masks_are_refused_because_nothing_would_move_them():
    sample = replace(made_sample(0), path="a.png", masks=np.zeros((3, 64, 80), bool))
    with pytest.raises(ShapeError, match=r"a\.png: training moves outlines, not masks"):
        move_objects(sample, lambda rows: rows)


@pytest.mark.parametrize("part", ["classes", "keypoints", "polygons"])
def test_parts_of_different_counts_are_refused(part):
    sample = made_sample(0)
    with pytest.raises(ShapeError, match=f"3 boxes, but 2 {part}: one for each object"):
        move_objects(replace(sample, **{part: getattr(sample, part)[:2]}), lambda rows: rows)
