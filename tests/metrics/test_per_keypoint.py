"""Errors per keypoint where the answer is known beforehand."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import ShapeError
from posekit.metrics.keypoints import PerKeypoint, table_lines, worst_line
from posekit.metrics.parts import Truth
from posekit.metrics.similarity import oks
from posekit.results.detected import Detected
from posekit.schema.schema import COCO_PERSON, KeypointSchema

# nose in the middle, left and right far from each other; boxes are 100 wide and 64 high: √area = 80
SCHEMA = KeypointSchema(shape=(3, 3), names=("nose", "left", "right"), flip_idx=(0, 2, 1))
SIGMAS = (0.05, 0.05, 0.05)
POINTS = np.array([[50, 30, 2], [10, 30, 2], [90, 30, 2]], np.float32)
EVERY = np.stack([np.arange(10)] * 2, 1)


def ten_objects():
    """Return truth and an exact prediction of ten objects."""
    boxes = np.tile(np.array([0, 0, 100, 64], np.float32), (10, 1))
    classes, points = np.zeros(10, np.int64), np.tile(POINTS, (10, 1, 1))
    truth = Truth(classes=classes, boxes=boxes, keypoints=points)
    guesses = points.copy()
    guesses[..., 2] = 0.75
    return truth, Detected(classes=classes, scores=np.ones(10, np.float32), boxes=boxes, keypoints=guesses)


def rows_of(truth, found, pairs=EVERY):
    errors = PerKeypoint(SCHEMA, SIGMAS)
    errors.add(truth, found, pairs)
    return {row["keypoint"]: row for row in errors.rows()}


def test_exact_predictions_are_without_error():
    for name, row in rows_of(*ten_objects()).items():
        assert row["labelled"] == 10
        assert [row[key] for key in ("oks", "pck_0.05", "pck_0.1", "pck_0.2")] == [1, 1, 1, 1]
        assert row["mean_error"] == 0
        assert row["median_error"] <= 0.001
        assert row["swap_rate"] == (None if name == "nose" else 0)
        assert (row["conf_visible"], row["conf_hidden"]) == (0.75, None)


def test_swapped_sides_are_counted():
    truth, found = ten_objects()
    found.keypoints[:3, [1, 2], :2] = found.keypoints[:3, [2, 1], :2]
    rows = rows_of(truth, found)
    assert [rows[name]["swap_rate"] for name in ("left", "right")] == pytest.approx([0.3, 0.3])
    assert rows["nose"]["swap_rate"] is None
    assert rows["left"]["oks"] == pytest.approx(0.7)
    assert rows["left"]["mean_error"] == pytest.approx(0.3)  # 80 px of 80


def test_one_side_on_the_other_counts_for_that_side_only():
    truth, found = ten_objects()
    found.keypoints[:4, 1, :2] = POINTS[2, :2]
    rows = rows_of(truth, found)
    assert [rows[name]["swap_rate"] for name in ("left", "right")] == [0.4, 0]


def test_points_far_from_both_places_are_no_swap():
    truth, found = ten_objects()
    found.keypoints[:, 1, :2] = [75, 60]  # nearer to the right point, yet not there
    assert rows_of(truth, found)["left"]["swap_rate"] == 0


def test_sides_too_close_to_tell_are_no_swap():
    truth, found = ten_objects()
    truth.keypoints[:, 2, :2] = truth.keypoints[:, 1, :2] + 1
    found.keypoints[:, [1, 2], :2] = truth.keypoints[:, [2, 1], :2]
    assert rows_of(truth, found)["left"]["swap_rate"] == 0


def test_swaps_need_both_sides_labelled():
    truth, found = ten_objects()
    found.keypoints[:, [1, 2], :2] = found.keypoints[:, [2, 1], :2]
    truth.keypoints[:5, 2, 2] = 0
    rows = rows_of(truth, found)
    assert rows["left"]["swap_rate"] == 1
    assert rows["right"]["labelled"] == 5
    truth.keypoints[:, 2, 2] = 0
    assert rows_of(truth, found)["left"]["swap_rate"] is None


def test_pck_and_errors_follow_the_size_of_the_box():
    truth, found = ten_objects()
    found.keypoints[:, 0, 0] += np.array([0, 2, 4, 6, 8, 12, 16, 24, 40, 400], np.float32)
    nose = rows_of(truth, found)["nose"]  # the longer side is 100
    assert [nose[key] for key in ("pck_0.05", "pck_0.1", "pck_0.2")] == pytest.approx([0.3, 0.5, 0.7])
    assert nose["mean_error"] == pytest.approx(51.2 / 80)
    assert nose["median_error"] == pytest.approx(8 / 80, abs=0.001)


def test_unlabelled_points_do_not_count():
    truth, found = ten_objects()
    found.keypoints[:6, 0, :2] = 1000
    truth.keypoints[:6, 0] = 0
    nose = rows_of(truth, found)["nose"]
    assert (nose["labelled"], nose["oks"], nose["mean_error"]) == (4, 1, 0)
    truth.keypoints[:, 0, 2] = 0
    nose = rows_of(truth, found)["nose"]
    assert nose.pop("keypoint") == "nose"
    assert nose.pop("labelled") == 0
    assert set(nose.values()) == {None}


def test_confidence_is_told_apart_by_visibility():
    truth, found = ten_objects()
    truth.keypoints[:4, 1, 2] = 1
    found.keypoints[:4, 1, 2] = 0.25
    left = rows_of(truth, found)["left"]
    assert (left["conf_visible"], left["conf_hidden"]) == (0.75, 0.25)
    left = rows_of(truth, replace(found, keypoints=found.keypoints[..., :2]))["left"]
    assert (left["conf_visible"], left["conf_hidden"], left["oks"]) == (None, None, 1)


def test_only_pairs_count():
    truth, found = ten_objects()
    found.keypoints[5:, :, :2] += 500
    rows = rows_of(truth, found, EVERY[:5])
    assert (rows["nose"]["labelled"], rows["nose"]["oks"]) == (5, 1)
    crossed = np.array([[0, 7]])
    assert rows_of(truth, found, crossed)["nose"]["oks"] == pytest.approx(0)
    assert rows_of(truth, found, EVERY[:0])["nose"]["labelled"] == 0


def test_predictions_that_are_no_number_are_large_errors():
    truth, found = ten_objects()
    found.keypoints[:5, 0, 0] = np.nan
    found.keypoints[5:, 0, 0] = np.inf
    found.keypoints[:, 0, 2] = np.nan
    nose = rows_of(truth, found)["nose"]
    assert (nose["oks"], nose["pck_0.2"], nose["mean_error"], nose["median_error"]) == (0, 0, 2, 2)
    assert nose["conf_visible"] is None


def random_picture(seed, count=4):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 100, (count, 2))
    boxes = np.hstack([corners, corners + rng.uniform(20, 200, (count, 2))]).astype(np.float32)
    points = np.dstack([rng.uniform(0, 200, (count, 17, 2)), rng.integers(0, 3, (count, 17))]).astype(np.float32)
    guesses = points + rng.normal(0, 8, points.shape).astype(np.float32)
    classes = np.zeros(count, np.int64)
    truth = Truth(classes=classes, boxes=boxes, keypoints=points)
    return truth, Detected(classes=classes, scores=np.ones(count, np.float32), boxes=boxes, keypoints=guesses)


@settings(derandomize=True, max_examples=50)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6))
def test_merged_parts_equal_the_whole_and_oks_is_the_validators(seeds):
    sigmas = COCO_PERSON.oks_sigmas
    whole, parts = PerKeypoint(COCO_PERSON, sigmas), [PerKeypoint(COCO_PERSON, sigmas) for _ in range(2)]
    similarity = 0.0
    for place, seed in enumerate(seeds):
        truth, found = random_picture(seed, 1)
        pairs = np.array([[0, 0]])
        whole.add(truth, found, pairs)
        parts[place % 2].add(truth, found, pairs)
        labelled = (truth.keypoints[..., 2] != 0).sum()
        similarity += oks(truth.keypoints, truth.boxes, found.keypoints, np.array(sigmas))[0, 0] * labelled
    parts[0].merge(pickle.loads(pickle.dumps(parts[1])))  # as from another process
    for mine, theirs in zip(parts[0].rows(), whole.rows(), strict=True):
        assert mine == pytest.approx(theirs, nan_ok=True)
    assert parts[0].objects == whole.objects == len(seeds)
    total = sum(row["oks"] * row["labelled"] for row in whole.rows() if row["labelled"])
    assert total == pytest.approx(similarity, rel=1e-4)


def test_medians_come_within_a_step_of_the_real_ones():
    errors, distances = PerKeypoint(COCO_PERSON, COCO_PERSON.oks_sigmas), [[] for _ in range(17)]
    for seed in range(101):
        truth, found = random_picture(seed)
        errors.add(truth, found, np.stack([np.arange(4)] * 2, 1))
        sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
        apart = np.hypot(*(found.keypoints - truth.keypoints)[..., :2].transpose(2, 0, 1))
        for k in range(17):
            there = truth.keypoints[:, k, 2] != 0
            distances[k] += (apart[:, k] / np.sqrt(sides.prod(1)))[there].tolist()
    for row, real in zip(errors.rows(), distances, strict=True):
        low, high = np.percentile(real, [50, 50], method="lower")[0], np.percentile(real, 50, method="higher")
        assert low - 0.001 <= row["median_error"] <= high + 0.001
        assert row["mean_error"] == pytest.approx(np.mean(real), rel=1e-4)


def test_memory_does_not_grow_with_the_pictures():
    errors = PerKeypoint(COCO_PERSON, COCO_PERSON.oks_sigmas)
    size = len(pickle.dumps(errors))
    for seed in range(30):
        truth, found = random_picture(seed)
        errors.add(truth, found, EVERY[:4])
    assert len(pickle.dumps(errors)) <= size + 100


def test_rows_are_had_in_all_forms():
    truth, found = ten_objects()
    found.keypoints[:3, [1, 2], :2] = found.keypoints[:3, [2, 1], :2]
    errors = PerKeypoint(SCHEMA, SIGMAS)
    errors.add(truth, found, EVERY)
    assert json.loads(errors.to_json()) == errors.summary()
    head, nose, *_ = errors.to_csv().splitlines()
    assert head.split(",") == list(errors.rows()[0])
    assert nose.startswith("nose,10,1.0,1.0,1.0,1.0,0.0,")
    assert errors.to_df().shape == (3, 11)
    lines = table_lines(errors.rows())
    assert len({len(line) for line in lines}) == 1
    assert " ".join(lines[0].split()) == (
        "Keypoint Points OKS PCK@.05 PCK@.1 PCK@.2 Error Median Swapped Visible Hidden"
    )
    assert " ".join(lines[2].split()) == "left 10 0.700 0.700 0.700 0.700 0.300 0.001 0.300 0.750 -"
    assert worst_line(errors.worst(2)) == (
        "Worst keypoints by OKS: left 0.700 (30% left/right swapped), right 0.700 (30% left/right swapped)"
    )


def test_tables_of_nothing_and_of_long_names():
    schema = KeypointSchema(shape=(2, 3), names=("a" * 70, "b"))
    errors = PerKeypoint(schema, (0.1, 0.1))
    assert errors.worst() == []
    assert worst_line([]) == "Worst keypoints: none, as no labelled object was found"
    header, first, second = str(errors).splitlines()
    assert len(header) == len(first) == len(second)
    assert "a" * 37 + "..." in first
    assert second.split() == ["b", "0", *"-" * 9]
    assert table_lines([])[0].startswith("Keypoint")


def test_without_a_mirror_map_no_swaps_are_counted():
    errors = PerKeypoint(KeypointSchema(shape=(3, 3)), SIGMAS)
    errors.add(*ten_objects(), EVERY)
    assert [row["swap_rate"] for row in errors.rows()] == [None] * 3


def test_objects_without_extent_are_left_out():
    truth, found = ten_objects()
    truth.boxes[0, 2] = 0
    assert rows_of(truth, found)["nose"]["labelled"] == 9


def test_what_does_not_fit_is_refused():
    truth, found = ten_objects()
    with pytest.raises(ShapeError, match="3 keypoints need as many OKS sigmas, but there are 2"):
        PerKeypoint(SCHEMA, SIGMAS[:2])
    errors = PerKeypoint(SCHEMA, SIGMAS)
    with pytest.raises(ShapeError, match="3 keypoints are counted, but detections have none"):
        errors.add(truth, replace(found, keypoints=None), EVERY)
    with pytest.raises(ShapeError, match="3 keypoints are counted, but labels have 2"):
        errors.add(replace(truth, keypoints=truth.keypoints[:, :2]), found, EVERY)
    with pytest.raises(ShapeError, match="cannot merge"):
        errors.merge(PerKeypoint(COCO_PERSON, COCO_PERSON.oks_sigmas))
    assert errors.objects == 0
