"""Outlines as masks: as recorded, resampled without moving, each pixel owned by the smallest object."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posekit.ops.polygons import overlap_order, resample_polygon, separate_masks, without_overlap

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "train" / "data_format.npz")
OUTLINES = st.lists(st.tuples(st.floats(0, 60, width=32), st.floats(0, 60, width=32)), min_size=1, max_size=12)


def test_recorded_outlines_give_the_recorded_masks():
    masks = separate_masks(list(GOLDEN["format_in/seg"]), (64, 64), (16, 16))
    np.testing.assert_array_equal(masks, GOLDEN["format_overlap0/masks"])


def test_recorded_outlines_give_the_recorded_index_map_and_order():
    masks = separate_masks(list(GOLDEN["format_in/seg"]), (64, 64), (16, 16))
    order = overlap_order(masks)
    classes = GOLDEN["format_overlap0/cls"].ravel()
    np.testing.assert_array_equal(classes[order], GOLDEN["format_overlap1/cls"].ravel())
    owned = without_overlap(masks[order])
    index_map = (owned * np.arange(1, 4)[:, None, None]).max(0)
    np.testing.assert_array_equal(index_map, GOLDEN["format_overlap1/masks"][0])


def test_no_outlines_give_no_masks():
    masks = separate_masks([], (64, 64), (16, 16))
    assert masks.shape == without_overlap(masks).shape == (0, 16, 16)


def test_an_object_without_an_outline_has_an_empty_mask():
    assert not separate_masks([np.zeros((0, 2), np.float32)], (8, 8), (8, 8)).any()


@given(OUTLINES, st.integers(1, 40))
def test_resampling_keeps_every_point_and_closes_the_outline(points, count):
    outline = np.array(points, np.float32)
    resampled = resample_polygon(outline, count)
    assert len(resampled) == max(count, len(outline) + 1)
    np.testing.assert_array_equal(resampled[0], resampled[-1])
    for point in outline:
        assert np.abs(resampled - point).sum(1).min() < 1e-4


@given(OUTLINES)
def test_resampled_points_lie_on_the_outline(points):
    outline = np.array(points, np.float64)
    closed = np.concatenate((outline, outline[:1]))
    for point in resample_polygon(outline.astype(np.float32), 50):
        assert min(_distance(point, a, b) for a, b in pairwise(closed)) < 1e-3


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4), min_size=1, max_size=6))
def test_without_overlap_each_covered_pixel_has_one_owner_and_it_is_the_smallest(corners):
    outlines = [np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], np.float32) for x, y, w, h in corners]
    masks = separate_masks(outlines, (96, 96), (96, 96))
    masks = masks[overlap_order(masks)]
    owned = without_overlap(masks)
    np.testing.assert_array_equal(owned.sum(0), masks.any(0))
    assert (owned <= masks).all()
    np.testing.assert_array_equal(owned[-1], masks[-1])


def _distance(point, start, end):
    along = end - start
    length = float(along @ along)
    share = 0.0 if length == 0 else float(np.clip((point - start) @ along / length, 0, 1))
    return float(np.linalg.norm(start + share * along - point))
