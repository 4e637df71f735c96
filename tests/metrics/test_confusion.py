import json

import numpy as np
import pytest

from golden.matched_pictures import CASES, FOLDER, NAMES, PICTURES, arrays, conf, picture
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
