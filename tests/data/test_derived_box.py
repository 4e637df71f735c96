"""Boxes for objects that come without one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posekit.data.annotation import MARGIN, box_around_keypoints, box_around_parts, derive_box

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
