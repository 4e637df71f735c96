import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.matched_pictures import CASES, PICTURES, arrays, picture, sigmas
from posekit.errors import ShapeError
from posekit.metrics.similarity import mask_iou, oks
from posekit.ops.boxes import box_iou

seeds = st.integers(0, 2**32 - 1)


def boxes(random, count):
    corners = random.uniform(0, 100, (count, 2, 2))
    return np.concatenate([corners.min(1), corners.max(1)], 1).astype(np.float32)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("number", range(PICTURES))
def test_similarities_are_the_recorded_ones(case, number):
    truth, found = picture(case, number)
    expected = arrays(case)
    if f"{number:02d}/box_iou" not in expected:
        assert not len(truth) or not len(found)
        return
    np.testing.assert_allclose(box_iou(truth.boxes, found.boxes), expected[f"{number:02d}/box_iou"], rtol=0, atol=2e-7)
    second = (
        mask_iou(truth.masks, found.masks)
        if case == "segment"
        else oks(truth.keypoints, truth.boxes, found.keypoints, sigmas(case))
    )
    np.testing.assert_allclose(second, expected[f"{number:02d}/{CASES[case][3]}"], rtol=0, atol=2e-7)


@given(seeds, st.integers(0, 4), st.integers(0, 4))
def test_box_iou_is_what_it_says_pair_by_pair(seed, m, n):
    random = np.random.default_rng(seed)
    truth, found = boxes(random, m), boxes(random, n)
    result = box_iou(truth, found)
    assert result.shape == (m, n)
    assert result.dtype == np.float32
    for i, a in enumerate(truth.astype(float)):
        for j, b in enumerate(found.astype(float)):
            width, height = (max(0, min(a[2 + k], b[2 + k]) - max(a[k], b[k])) for k in range(2))
            areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
            shared = width * height
            assert result[i, j] == pytest.approx(shared / (areas - shared + 1e-7), rel=1e-4, abs=1e-6)


@given(seeds, st.integers(1, 6))
def test_oks_is_what_it_says_pair_by_pair(seed, k):
    random = np.random.default_rng(seed)
    truth_boxes = boxes(random, 3)
    truth = random.uniform(0, 100, (3, k, 3)).astype(np.float32)
    truth[..., 2] = random.integers(0, 3, (3, k))
    found = random.uniform(0, 100, (4, k, 2)).astype(np.float32)
    sigma = random.uniform(0.02, 0.5, k)
    result = oks(truth, truth_boxes, found, sigma)
    for i in range(3):
        area = 0.53 * np.prod((truth_boxes[i, 2:] - truth_boxes[i, :2]).astype(float)) + 1e-7
        seen = truth[i, :, 2] != 0
        for j in range(4):
            squares = ((truth[i, :, :2].astype(float) - found[j]) ** 2).sum(1)
            terms = np.exp(-squares / ((2 * sigma) ** 2 * area * 2))[seen]
            assert result[i, j] == pytest.approx(terms.sum() / (seen.sum() + 1e-7), rel=1e-3, abs=1e-6)


def test_oks_of_an_object_with_itself_is_one_and_without_labelled_points_zero():
    points = np.array([[[10, 10, 2], [20, 30, 1]], [[10, 10, 0], [20, 30, 0]]], np.float32)
    result = oks(points, np.array([[0, 0, 40, 40]] * 2, np.float32), points[:1, :, :2], (0.05, 0.05))
    assert result[:, 0] == pytest.approx([1.0, 0.0], abs=1e-6)


def test_only_the_truth_says_which_points_count():
    truth = np.array([[[10, 10, 2], [20, 30, 0]]], np.float32)
    box = np.array([[0, 0, 40, 40]], np.float32)
    near = np.array([[[10, 10, 0.0], [500, 500, 1.0]]], np.float32)
    assert oks(truth, box, near, (0.05, 0.05))[0, 0] == pytest.approx(1)


def test_numbers_of_keypoints_must_agree():
    with pytest.raises(ShapeError, match="labels have 2, detections 3, sigmas 2"):
        oks(np.zeros((1, 2, 3), np.float32), np.zeros((1, 4), np.float32), np.zeros((1, 3, 3), np.float32), (0.1, 0.1))


def test_huge_and_degenerate_numbers_give_no_warning():
    wild = np.array([[-3e38, -3e38, 3e38, 3e38], [5, 5, 5, 5], [np.inf, 0, np.nan, 1]], np.float32)
    assert box_iou(wild, wild).shape == (3, 3)
    points = np.array([[[3e38, -3e38, 2]], [[0, 0, 2]], [[np.nan, np.inf, 2]]], np.float32)
    assert oks(points, wild, points, (0.1,)).shape == (3, 3)


def test_boxes_inside_out_cover_nothing():
    box, inside_out = np.array([[0, 0, 10, 10]], np.float32), np.array([[10, 0, 0, 10]], np.float32)
    for truth, found in ((box, inside_out), (inside_out, box), (inside_out, inside_out)):
        assert not box_iou(truth, found) > 0
    points = np.array([[[5, 5, 2]]], np.float32)
    assert oks(points, inside_out, points + 1, (0.1,)) == 0


def test_mask_iou_counts_pixels_whatever_the_type_and_number(monkeypatch):
    random = np.random.default_rng(0)
    truth, found = random.random((3, 7, 5)) > 0.5, random.random((10, 7, 5)) > 0.5
    expected = [[(a & b).sum() / ((a | b).sum() + 1e-7) for b in found] for a in truth]
    np.testing.assert_allclose(mask_iou(truth, found), expected, rtol=1e-6)
    monkeypatch.setattr("posekit.metrics.similarity.MASK_PIXELS_AT_ONCE", 80)  # two masks at a time
    np.testing.assert_allclose(mask_iou(truth.astype(np.uint8), found.astype(np.uint8)), expected, rtol=1e-6)


def test_empty_masks_and_no_masks():
    empty = np.zeros((2, 4, 4), np.uint8)
    assert mask_iou(empty, empty).tolist() == [[0, 0], [0, 0]]
    assert mask_iou(empty[:0], empty).shape == (0, 2)
    assert mask_iou(empty, empty[:0]).shape == (2, 0)
    with pytest.raises(ShapeError, match=r"labels are \(4, 4\).*detections \(2, 4\)"):
        mask_iou(empty, empty[:, :2])
