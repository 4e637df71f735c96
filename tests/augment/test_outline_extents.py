"""Extents count crossings with the edge and surrounded corners, as recorded and as OpenCV intersects."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN
from posekit.augment.objects import clipped_extents, join_points, split_points
from posekit.augment.warps import warp_points

SIZE = (80, 100)
POINTS = st.lists(st.tuples(st.integers(-80, 180), st.integers(-80, 180)), min_size=3, max_size=12)


def test_a_recorded_outline_around_the_picture_fills_it():
    boxes = clipped_extents([GOLDEN["poly/clip_in"]], SIZE)
    np.testing.assert_allclose(boxes[0], GOLDEN["poly/clip_box_w100_h80"], rtol=0, atol=2e-3)


@pytest.mark.parametrize("case", ["affine", "rotshear", "persp"])
def test_recorded_outlines_have_the_recorded_extents(case):
    outlines = list(GOLDEN["persp_seg_in"])
    moved = split_points(warp_points(join_points(outlines), GOLDEN[f"{case}/M"].astype(np.float64)), outlines)
    np.testing.assert_allclose(clipped_extents(moved, (160, 160)), GOLDEN[f"{case}/segbox_out"], rtol=0, atol=2e-3)


@given(st.lists(POINTS, min_size=1, max_size=5))
def test_extents_of_convex_outlines_are_those_of_their_intersection_with_the_picture(outlines):
    hulls = [cv2.convexHull(np.array(points, np.float32))[:, 0] for points in outlines]
    hulls = [hull for hull in hulls if len(hull) > 2]
    picture = np.array([(0, 0), (100, 0), (100, 80), (0, 80)], np.float32)
    for hull, box in zip(hulls, clipped_extents(hulls, SIZE) if hulls else (), strict=True):
        area, both = cv2.intersectConvexConvex(hull, picture)
        if area > 1:
            np.testing.assert_allclose(box, (*both[:, 0].min(0), *both[:, 0].max(0)), atol=1e-2)
        else:
            assert np.prod(box[2:] - box[:2]) <= 100 * 80


@given(POINTS)
def test_extents_lie_in_the_picture_and_hold_every_point_inside(points):
    outline = np.array(points, np.float32)
    (box,) = clipped_extents([outline], SIZE)
    assert (box >= 0).all()
    assert (box <= (100, 80, 100, 80)).all()
    inside = outline[((outline >= 0) & (outline <= (100, 80))).all(1)]
    assert ((inside >= box[:2] - 1e-4) & (inside <= box[2:] + 1e-4)).all()


def test_an_outline_outside_has_no_extent_even_where_its_box_touches_the_picture():
    corner = np.array([(-50, 20), (-50, -50), (30, -50)], np.float32)  # its slope passes outside the corner (0, 0)
    beside = np.array([(200, 10), (220, 10), (220, 30)], np.float32)
    np.testing.assert_array_equal(clipped_extents([corner, beside], SIZE), np.zeros((2, 4)))
