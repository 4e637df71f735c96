"""Outlines: of masks, joined, resampled, and drawn as masks."""

import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN as RECORDED
from posekit.ops.letterbox import Letterbox
from posekit.ops.polygons import (
    join_contours,
    mask_to_polygon,
    overlap_order,
    polygon_area,
    polygon_to_original,
    resample_polygon,
    separate_masks,
    without_overlap,
)

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("case", range(6))
def test_outlines_of_native_masks_equal_the_golden_polygons(case):
    arrays = np.load(GOLDEN / "yolo" / "masks.npz")
    counts = json.loads((GOLDEN / "yolo" / "masks.json").read_text())[case]["segments"]
    for j, mask in enumerate(arrays[f"native_{case}"]):
        polygon = mask_to_polygon(mask)
        assert len(polygon) == counts[j]
        np.testing.assert_array_equal(polygon, arrays[f"segment_{case}_{j}"])


def test_small_letterboxed_mask_scales_back_with_one_gain_per_axis():
    arrays = np.load(GOLDEN / "val" / "results.npz")
    polygon = polygon_to_original(mask_to_polygon(arrays["small_mask"][0]), Letterbox.between((64, 64), (120, 200)))
    np.testing.assert_allclose(polygon, arrays["small_mask/xy"], rtol=1e-5)


def test_empty_mask_has_an_outline_without_points():
    polygon = mask_to_polygon(np.zeros((5, 7), np.uint8))
    assert polygon.shape == (0, 2)
    assert polygon.dtype == np.float32


def test_one_contour_is_returned_as_it_is():
    square = np.array([[0, 0], [0, 3], [3, 3], [3, 0]], np.int32)
    assert join_contours([square]) is square


def test_two_parts_are_joined_at_their_closest_points():
    left = np.array([[0, 0], [0, 2], [2, 2], [2, 0]], np.int32)
    right = np.array([[5, 0], [5, 2], [7, 2], [7, 0]], np.int32)
    expected = [[2, 2], [2, 0], [0, 0], [0, 2], [2, 2], [5, 2], [7, 2], [7, 0], [5, 0], [5, 2]]
    assert join_contours([left, right]).tolist() == expected


@given(
    st.lists(st.tuples(st.integers(2, 90), st.integers(2, 60), st.integers(1, 9)), min_size=1, max_size=7),
)
def test_joined_outline_holds_every_contour_point_and_fills_every_part(discs):
    mask = np.zeros((64, 96), np.uint8)
    for x, y, radius in discs:
        cv2.circle(mask, (x, y), radius, 1, -1)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygon = mask_to_polygon(mask)
    held = {tuple(point) for point in polygon.astype(int).tolist()}
    assert {tuple(point) for contour in contours for point in contour.reshape(-1, 2).tolist()} == held


def test_bool_masks_are_accepted():
    mask = np.zeros((6, 6), bool)
    mask[2:5, 1:4] = True
    assert mask_to_polygon(mask).tolist() == [[1, 2], [1, 4], [3, 4], [3, 2]]


@given(st.floats(0, 299), st.floats(0, 99))
def test_points_return_from_the_letterbox_to_where_they_were(x, y):
    letterbox = Letterbox.between((160, 160), (100, 300))
    (top, left), (gain_y, gain_x) = letterbox.pad, letterbox.gain
    inside = np.array([[x * gain_x + left, y * gain_y + top]], np.float32)
    np.testing.assert_allclose(polygon_to_original(inside, letterbox), [[x, y]], atol=1e-3)


def test_points_in_the_padding_are_clipped_to_the_picture():
    padding = np.array([[-3, 0], [170, 159]], np.float32)
    assert polygon_to_original(padding, Letterbox.between((160, 160), (100, 300))).tolist() == [[0, 0], [300, 100]]


@pytest.mark.parametrize("turned", [1, -1])
def test_the_area_of_a_polygon_does_not_depend_on_its_turn_or_place(turned):
    triangle = np.array([[0, 0], [6, 0], [0, 4]], np.float32)[::turned]
    assert polygon_area(triangle) == pytest.approx(12)
    assert polygon_area(triangle + 1_000_000) == pytest.approx(12)
    assert polygon_area(np.zeros((0, 2), np.float32)) == 0


FORMAT = np.load(Path(__file__).parents[1] / "golden" / "train" / "data_format.npz")
POINTS = st.lists(st.tuples(st.floats(0, 60, width=32), st.floats(0, 60, width=32)), min_size=1, max_size=12)


def test_recorded_outlines_give_the_recorded_masks():
    masks = separate_masks(list(FORMAT["format_in/seg"]), (64, 64), (16, 16))
    np.testing.assert_array_equal(masks, FORMAT["format_overlap0/masks"])


def test_recorded_outlines_give_the_recorded_index_map_and_order():
    masks = separate_masks(list(FORMAT["format_in/seg"]), (64, 64), (16, 16))
    order = overlap_order(masks)
    classes = FORMAT["format_overlap0/cls"].ravel()
    np.testing.assert_array_equal(classes[order], FORMAT["format_overlap1/cls"].ravel())
    owned = without_overlap(masks[order])
    index_map = (owned * np.arange(1, 4)[:, None, None]).max(0)
    np.testing.assert_array_equal(index_map, FORMAT["format_overlap1/masks"][0])


def test_no_outlines_give_no_masks():
    masks = separate_masks([], (64, 64), (16, 16))
    assert masks.shape == without_overlap(masks).shape == (0, 16, 16)


def test_an_object_without_an_outline_has_an_empty_mask():
    assert not separate_masks([np.zeros((0, 2), np.float32)], (8, 8), (8, 8)).any()


@given(POINTS, st.integers(1, 40))
def test_resampling_keeps_every_point_and_closes_the_outline(points, count):
    outline = np.array(points, np.float32)
    resampled = resample_polygon(outline, count)
    assert len(resampled) == max(count, len(outline) + 1)
    np.testing.assert_array_equal(resampled[0], resampled[-1])
    for point in outline:
        assert np.abs(resampled - point).sum(1).min() < 1e-4


@given(POINTS)
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


RECORDED_OUTLINES = [RECORDED[f"poly/{number}"] for number in range(3)]


def test_recorded_outlines_are_resampled_as_recorded():
    resampled = np.stack([resample_polygon(outline, 60) for outline in RECORDED_OUTLINES])
    np.testing.assert_allclose(resampled, RECORDED["poly/resampled60"], rtol=0, atol=2e-3)


@pytest.mark.parametrize("ratio", [1, 4])
def test_recorded_outlines_become_the_recorded_masks(ratio):
    masks = separate_masks(RECORDED["poly/resampled60"], (96, 96), (96 // ratio, 96 // ratio))
    recorded = RECORDED[f"poly/masks_r{ratio}"]
    assert np.mean(masks != recorded) <= 0.005
    order = overlap_order(masks)
    np.testing.assert_array_equal(order, RECORDED[f"poly/overlap_order_r{ratio}"])
    index_map = (without_overlap(masks[order]) * np.arange(1, 4)[:, None, None]).max(0)
    assert np.mean(index_map != RECORDED[f"poly/overlap_r{ratio}"]) <= 0.005
