"""Objects of a sample: chosen, joined, moved, cut to a frame, and left out where little of them remains."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN, assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.objects import (
    clipped_extents,
    cut_objects,
    join_objects,
    join_points,
    keep_candidates,
    move_objects,
    select_objects,
    settle_objects,
    split_points,
)
from posekit.augment.warps import warp_points
from posekit.errors import ShapeError


def test_recorded_boxes_and_keypoints_are_cut_as_recorded():
    sample = replace(
        made_sample(0, (180, 200), 9),
        boxes=GOLDEN["persp_box_in"],
        keypoints=GOLDEN["persp_kpt_in"],
        polygons=None,
    )
    cut = cut_objects(sample, (0, 0, 200, 180))
    np.testing.assert_array_equal(cut.boxes, GOLDEN["clip_w200_h180/box"])
    np.testing.assert_array_equal(cut.keypoints, GOLDEN["clip_w200_h180/kpt"])


@given(samples())
def test_cut_objects_are_well_formed(sample):
    height, width = sample.size
    cut = cut_objects(sample, (width // 4, height // 4, width // 2, height // 2))
    assert_well_formed(cut)
    assert (cut.boxes >= (width // 4, height // 4) * 2).all()


@given(samples(), samples())
def test_joined_objects_come_apart_again(first, second):
    joined = join_objects(first.image, (first, second))
    count = len(first.boxes)
    for part, sample in ((slice(count), first), (slice(count, None), second)):
        chosen = select_objects(joined, np.arange(len(joined.boxes))[part])
        np.testing.assert_array_equal(chosen.boxes, sample.boxes)
        np.testing.assert_array_equal(chosen.classes, sample.classes)
        if sample.keypoints is not None:
            np.testing.assert_array_equal(chosen.keypoints, sample.keypoints)
        elif chosen.keypoints is not None:
            assert not chosen.keypoints.any()  # unlabelled
        assert list(map(len, chosen.polygons or ())) == (
            list(map(len, sample.polygons)) if sample.polygons is not None else [0] * len(chosen.polygons or ())
        )


@pytest.mark.parametrize("chosen", [np.array([True, False, True]), np.array([0, 2])])
def test_objects_are_chosen_by_flags_or_numbers(chosen):
    sample = made_sample(3)
    result = select_objects(sample, chosen)
    np.testing.assert_array_equal(result.boxes, sample.boxes[[0, 2]])
    assert result.polygons == (sample.polygons[0], sample.polygons[2])
    assert_same_objects(select_objects(result, np.array([1, 0])), select_objects(sample, np.array([2, 0])))


@pytest.mark.parametrize(("least_area", "key"), [(0.1, "cand_keep_010"), (0.01, "cand_keep_001")])
def test_recorded_boxes_stay_or_go_as_recorded(least_area, key):
    kept = keep_candidates(GOLDEN["cand_before"], GOLDEN["cand_after"], least_area=least_area)
    np.testing.assert_array_equal(kept, GOLDEN[key])


def test_boxes_that_are_nowhere_go():
    before = np.array([(0, 0, 10, 10)], np.float32)
    assert not keep_candidates(before, np.full((1, 4), np.nan, np.float32), least_area=0.1).any()


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
