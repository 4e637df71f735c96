"""What objects of each class were taken for, and the scores of each class."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.matched_pictures import CASES, FOLDER, NAMES, PICTURES, arrays, conf, picture
from posekit.metrics.average_precision import (
    Ranking,
    average_precision,
    class_scores,
    envelope,
    recall_and_precision,
    smooth,
)
from posekit.metrics.confusion import ConfusionMatrix, plain_names
from posekit.metrics.parts import Truth
from posekit.results.detected import Detected


def recorded_matrix(case):
    matrix = ConfusionMatrix(NAMES)
    for number in range(PICTURES):
        truth, found = picture(case, number)
        matrix.process([truth], [found], conf(number))
    return matrix


@pytest.mark.parametrize("case", CASES)
def test_matrix_and_its_rows_are_the_recorded_ones(case):
    matrix = recorded_matrix(case)
    np.testing.assert_array_equal(matrix.matrix, arrays(case)["final/confusion_matrix"])
    reports = json.loads((FOLDER / "match_reports.json").read_text(encoding="utf-8"))
    assert matrix.summary(normalize=True) == reports[case]["confusion_summary"]


@pytest.mark.parametrize("case", CASES)
def test_pictures_may_be_counted_together(case):
    together, alone = ConfusionMatrix(NAMES), ConfusionMatrix(NAMES)
    given = [picture(case, number) for number in range(PICTURES)]
    together.process(*(list(column) for column in zip(*given, strict=True)), 0.25)
    for truth, found in given:
        alone.process([truth], [found], 0.25)
    np.testing.assert_array_equal(together.matrix, alone.matrix)


def objects(*rows):
    """Rows of class and left edge; all boxes are 10 x 10."""
    table = np.array(rows, np.float32).reshape(-1, 2)
    left = table[:, 1]
    return table[:, 0].astype(np.int64), np.stack([left, left * 0, left + 10, left * 0 + 10], 1)


def counted(truth, found, conf=0.25, scores=None):
    matrix = ConfusionMatrix({0: "cat", 1: "dog"})
    classes, boxes = objects(*found)
    scores = np.linspace(0.9, 0.5, len(classes)) if scores is None else np.array(scores)
    truth_classes, truth_boxes = objects(*truth)
    matrix.process(
        [Truth(classes=truth_classes, boxes=truth_boxes)],
        [Detected(classes=classes, boxes=boxes, scores=scores.astype(np.float32))],
        conf,
    )
    return matrix


def test_each_object_and_each_detection_counts_once():
    # A cat found as cat and again as dog, a dog taken for a cat, a cat missed, a dog seen where nothing is.
    matrix = counted(truth=[(0, 0), (1, 50), (0, 200)], found=[(0, 0), (1, 1), (0, 50), (1, 300)])
    assert matrix.matrix.tolist() == [[1, 1, 0], [0, 0, 2], [1, 0, 0]]
    right, wrong = matrix.tp_fp()
    assert right.tolist() == [1, 0]
    assert wrong.tolist() == [1, 2]


def test_detections_must_score_more_than_the_threshold():
    assert counted([(0, 0)], [(0, 0)], conf=0.5, scores=[0.5]).matrix.tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_pictures_may_lack_labels_or_detections_or_both():
    assert counted([], [(1, 0)]).matrix.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert counted([(1, 0)], []).matrix.tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert not counted([], []).matrix.any()
    matrix = ConfusionMatrix({0: "cat"})
    matrix.process([], [], 0.25)
    assert not matrix.matrix.any()


def test_normalised_columns_sum_to_one_or_stay_zero():
    sums = counted([(0, 0), (0, 50)], [(0, 0)]).normalized().sum(0)
    assert sums.tolist() == [1, 0, 0]


def test_names_of_columns_are_plain_and_unique():
    assert plain_names(["hot dog", "hot-dog", "hot_dog", "Äpfel 2", "background", "background"]) == [
        "hot_dog", "hot_dog_1", "hot_dog_2", "Äpfel_2", "background", "background_1",
    ]  # fmt: skip


def test_counts_as_csv_json_and_frame():
    matrix = counted([(0, 0)], [(0, 0), (1, 90)])
    assert matrix.to_csv().splitlines() == ["Predicted,cat,dog,background", "cat,1.0,0.0,0.0", "dog,0.0,0.0,1.0",
                                            "background,0.0,0.0,0.0"]  # fmt: skip
    assert json.loads(matrix.to_json(normalize=True))[0] == {"Predicted": "cat", "cat": 1, "dog": 0, "background": 0}
    assert matrix.to_df().shape == (3, 4)


def test_figures_are_written(tmp_path):
    matrix = counted([(0, 0)], [(0, 0), (1, 90)])
    paths = [matrix.plot(normalize=normalize, save_dir=tmp_path) for normalize in (True, False)]
    assert [path.name for path in paths] == ["confusion_matrix_normalized.png", "confusion_matrix.png"]
    assert all(path.stat().st_size > 1000 for path in paths)


@pytest.fixture(scope="module")
def recorded():
    with np.load(FOLDER / "ap.npz") as file:
        return {key: file[key] for key in file.files}


def packed(right):
    return (right * (1 << np.arange(10))).sum(1).astype(np.uint16)


def compare(scores, recorded, prefix):
    best = scores.point
    for key, value in {
        "p": scores.p_curve[:, best],
        "r": scores.r_curve[:, best],
        "f1": scores.f1_curve[:, best],
        "ap": scores.all_ap,
        "classes": scores.classes,
        "p_curve": scores.p_curve,
        "r_curve": scores.r_curve,
        "f1_curve": scores.f1_curve,
        "prec_values": scores.prec_values,
    }.items():
        np.testing.assert_allclose(value, recorded[f"{prefix}/{key}"], rtol=1e-9, atol=1e-12, err_msg=key)


def test_scores_are_the_recorded_ones(recorded):
    ranking = Ranking.of(recorded["conf"], recorded["pred_cls"].astype(int))
    compare(class_scores(packed(recorded["tp"]), ranking, recorded["target_cls"]), recorded, "out")


def test_labels_without_detections_score_zero(recorded):
    nothing = Ranking.of(np.zeros(0, np.float32), np.zeros(0, np.int32))
    compare(class_scores(np.zeros(0, np.uint16), nothing, recorded["target_cls"]), recorded, "no_pred")


def test_without_labels_no_class_is_scored():
    scores = class_scores(np.ones(3, np.uint16), Ranking.of(np.ones(3), np.zeros(3, int)), np.zeros(0))
    assert len(scores.classes) == 0
    assert scores.all_ap.shape == (0, 10)
    assert scores.point == 0


def test_one_recorded_curve(recorded):
    line = envelope(recorded["ap1/recall"], recorded["ap1/precision"])
    np.testing.assert_array_equal(line.recall, recorded["ap1/mrec"])
    np.testing.assert_array_equal(line.precision, recorded["ap1/mpre"])
    assert average_precision(line) == pytest.approx(float(recorded["ap1/ap"]), abs=1e-12)


def test_smoothing_is_the_recorded_one(recorded):
    np.testing.assert_allclose(smooth(recorded["smooth/in"]), recorded["smooth/out"], rtol=1e-12)


@pytest.mark.parametrize(("right", "expected"), [(True, 0.995), (False, 0.0)])
def test_all_right_is_nearly_one_and_all_wrong_is_zero(right, expected):
    # The envelope falls to 0 at the last recall reached, so the 101st point always counts as 0.
    line = envelope(*recall_and_precision(np.full(7, right), 7))
    assert average_precision(line) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_wrong_detections_below_all_right_ones_change_no_ap(seed):
    random = np.random.default_rng(seed)
    right = random.random(20) < 0.5
    right[-1] = True
    without, with_them = (average_precision(envelope(*recall_and_precision(hits, 25)))
                          for hits in (right, np.concatenate([right, np.zeros(9, bool)])))  # fmt: skip
    assert with_them == pytest.approx(without)


@given(st.integers(0, 2**32 - 1))
def test_classes_do_not_touch_each_other(seed):
    random = np.random.default_rng(seed)
    count = 60
    hits = ((1 << random.integers(0, 11, count)) - 1).astype(np.uint16)
    scores, classes = random.permutation(count) / count, random.integers(0, 3, count)
    labels = random.integers(0, 3, 80)
    together = class_scores(hits, Ranking.of(scores, classes), labels)
    for row, number in enumerate(together.classes):
        mine = classes == number
        alone = class_scores(hits[mine], Ranking.of(scores[mine], classes[mine]), labels[labels == number])
        np.testing.assert_array_equal(alone.all_ap[0], together.all_ap[row])
        np.testing.assert_array_equal(alone.p_curve[0], together.p_curve[row])


def test_ranking_keeps_the_order_of_equal_scores():
    ranking = Ranking.of(np.array([0.5, 0.9, 0.5, 0.5], np.float32), np.array([1, 1, 0, 1]))
    assert ranking.order.tolist() == [2, 1, 0, 3]
