"""How alike objects and detections are, and which belong together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.matched_pictures import CASES, PICTURES, arrays, evaluated, picture, sigmas
from posekit.errors import ShapeError
from posekit.metrics.matching import THRESHOLDS, find_hits, matched_pairs, unpack
from posekit.metrics.parts import Truth
from posekit.metrics.similarity import mask_iou, oks
from posekit.ops.boxes import box_iou
from posekit.results.detected import Detected

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


def pictures(random, count):
    """Pictures with few distinct similarities, many of them equal or right at a threshold."""
    levels = np.concatenate([THRESHOLDS, np.nextafter(THRESHOLDS, np.float32(0)), np.float32([0, 0.2, 1])])
    for _ in range(count):
        m, n = random.integers(0, 6), random.integers(0, 12)
        yield (
            random.choice(levels, (m, n)).astype(np.float32),
            truth_of(random.integers(0, 2, m)),
            found_of(random.integers(0, 2, n)),
        )


def truth_of(classes):
    return Truth(classes=np.asarray(classes, np.int64), boxes=np.zeros((len(classes), 4), np.float32))


def found_of(classes):
    return Detected(
        classes=np.asarray(classes, np.int64),
        scores=np.linspace(1, 0, len(classes), dtype=np.float32),
        boxes=np.zeros((len(classes), 4), np.float32),
    )


def plain_match(similarity, truth, found):
    """The rule as it is told: one threshold, one detection after the other."""
    right = np.zeros((len(found), 10), bool)
    for t, threshold in enumerate(THRESHOLDS):
        free = set(range(len(truth)))
        for n in range(len(found)):
            same = [m for m in sorted(free) if truth.classes[m] == found.classes[n]]
            best = max(same, key=lambda m: similarity[m, n], default=None)  # the first of equal ones
            if best is not None and similarity[best, n] >= threshold:
                right[n, t] = True
                free.remove(best)
    return right


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_matching_many_pictures_at_once_is_the_plain_rule_for_each(seed, count):
    random = np.random.default_rng(seed)
    given_pictures = list(pictures(random, count))
    expected = [plain_match(*one) for one in given_pictures]
    columns = [list(column) for column in zip(*given_pictures, strict=True)] or [[], [], []]
    np.testing.assert_array_equal(unpack(find_hits(*columns)), np.concatenate([np.zeros((0, 10), bool), *expected]))


def test_a_crowd_of_detections_on_every_object_is_the_plain_rule():
    random = np.random.default_rng(0)
    one = random.uniform(0.45, 1, (8, 60)).astype(np.float32), truth_of([0] * 8), found_of([0] * 60)
    np.testing.assert_array_equal(unpack(find_hits([one[0]], [one[1]], [one[2]])), plain_match(*one))


def test_of_equal_objects_the_first_is_taken():
    # At 0.5 the first detection takes the first object, so the second one, which meets no other, goes without.
    similarity = np.array([[0.8, 0.9], [0.8, 0.0]], np.float32)
    found, truth = found_of([0, 0]), truth_of([0, 0])
    assert unpack(find_hits([similarity], [truth], [found]))[:, 0].tolist() == [True, False]
    assert unpack(find_hits([similarity[::-1]], [truth], [found]))[:, 0].tolist() == [True, True]


def test_an_object_is_free_again_at_thresholds_that_its_detection_does_not_reach():
    similarity = np.array([[0.6, 0.9]], np.float32)
    right = unpack(find_hits([similarity], [truth_of([0])], [found_of([0, 0])]))
    assert right.sum(0).tolist() == [1] * 9 + [0]
    assert right[0].sum() == 3  # 0.5, 0.55 and 0.6 itself


def test_nan_matches_nothing():
    similarity = np.full((1, 2), np.nan, np.float32)
    assert not find_hits([similarity], [truth_of([0])], [found_of([0, 0])]).any()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [1, 5, PICTURES])
def test_matches_are_the_recorded_ones_in_batches_of_any_size(case, batch):
    _, part, key, _ = CASES[case]
    _, matches = evaluated(case, batch)
    assert len(matches) == PICTURES
    for number, right in enumerate(matches):
        np.testing.assert_array_equal(right["box"], arrays(case)[f"{number:02d}/tp"])
        np.testing.assert_array_equal(right[part], arrays(case)[f"{number:02d}/{key}"])


def random_picture(rng, objects, detections):
    corners = rng.uniform(0, 100, (objects, 2))
    boxes = np.hstack([corners, corners + rng.uniform(5, 80, (objects, 2))]).astype(np.float32)
    chosen = boxes[rng.integers(0, objects, detections)] if objects else np.zeros((detections, 4), np.float32)
    moved = chosen + rng.normal(0, 6, chosen.shape).astype(np.float32)
    truth = Truth(classes=rng.integers(0, 2, objects), boxes=boxes)
    scores = np.sort(rng.random(detections).astype(np.float32))[::-1]
    return truth, Detected(classes=rng.integers(0, 2, detections), scores=scores, boxes=moved.astype(np.float32))


@settings(derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 12), st.sampled_from([0, 5]))
def test_pairs_are_the_true_positives_of_the_validator(seed, objects, detections, threshold):
    truth, found = random_picture(np.random.default_rng(seed), objects, detections)
    pairs = matched_pairs(truth, found, 0.5 + 0.05 * threshold)
    hits = unpack(find_hits([box_iou(truth.boxes, found.boxes)], [truth], [found]))
    assert pairs[:, 1].tolist() == np.flatnonzero(hits[:, threshold]).tolist()
    assert len(set(pairs[:, 0].tolist())) == len(pairs)
    assert (truth.classes[pairs[:, 0]] == found.classes[pairs[:, 1]]).all()


def test_the_best_free_object_is_taken():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9]], np.float32)
    truth = Truth(classes=np.zeros(2, np.int64), boxes=boxes)
    found = Detected(classes=np.zeros(2, np.int64), scores=np.array([0.9, 0.8], np.float32), boxes=boxes[[1, 1]])
    assert matched_pairs(truth, found).tolist() == [[1, 0], [0, 1]]
