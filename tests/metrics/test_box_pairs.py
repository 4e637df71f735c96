"""Pairs of detections and objects are those of the validator's matching."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.metrics.matching import match, matched_pairs, unpack
from posekit.metrics.parts import Found, Truth
from posekit.ops.boxes import box_iou


def picture(rng, objects, detections):
    corners = rng.uniform(0, 100, (objects, 2))
    boxes = np.hstack([corners, corners + rng.uniform(5, 80, (objects, 2))]).astype(np.float32)
    chosen = boxes[rng.integers(0, objects, detections)] if objects else np.zeros((detections, 4), np.float32)
    moved = chosen + rng.normal(0, 6, chosen.shape).astype(np.float32)
    truth = Truth(classes=rng.integers(0, 2, objects), boxes=boxes)
    scores = np.sort(rng.random(detections).astype(np.float32))[::-1]
    return truth, Found(classes=rng.integers(0, 2, detections), scores=scores, boxes=moved.astype(np.float32))


@settings(derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 12), st.sampled_from([0, 5]))
def test_pairs_are_the_true_positives_of_the_validator(seed, objects, detections, threshold):
    truth, found = picture(np.random.default_rng(seed), objects, detections)
    pairs = matched_pairs(truth, found, 0.5 + 0.05 * threshold)
    hits = unpack(match([box_iou(truth.boxes, found.boxes)], [truth], [found]))
    assert pairs[:, 1].tolist() == np.flatnonzero(hits[:, threshold]).tolist()
    assert len(set(pairs[:, 0].tolist())) == len(pairs)
    assert (truth.classes[pairs[:, 0]] == found.classes[pairs[:, 1]]).all()


def test_the_best_free_object_is_taken():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9]], np.float32)
    truth = Truth(classes=np.zeros(2, np.int64), boxes=boxes)
    found = Found(classes=np.zeros(2, np.int64), scores=np.array([0.9, 0.8], np.float32), boxes=boxes[[1, 1]])
    assert matched_pairs(truth, found).tolist() == [[1, 0], [0, 1]]
