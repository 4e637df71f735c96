"""The confusion matrix: one class or hundreds, empty or full."""

import numpy as np
import pytest

from posekit.errors import ShapeError
from posekit.viz.colors import CLASS_COLORS
from posekit.viz.validation_charts import save_confusion_matrix
from viz.pixels import count_color, read

NAVY = CLASS_COLORS[6]


def picture(matrix, path, names=None, *, normalize=False):
    names = [f"class {i}" for i in range(len(matrix) - 1)] if names is None else names
    save_confusion_matrix(matrix, names, path, normalize=normalize)
    return read(path)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3, 20, 80, 150])
def test_any_number_of_classes_is_drawn(count, normalize, tmp_path):
    matrix = np.diag(np.full(count + 1, 30))
    seen = picture(matrix, tmp_path / "confusion_matrix.png", normalize=normalize)
    assert min(seen.shape[:2]) >= 700
    assert max(seen.shape[:2]) < 3000


@pytest.mark.parametrize("normalize", [True, False])
def test_a_matrix_of_zeros_has_no_dark_cell(normalize, tmp_path):
    seen = picture(np.zeros((4, 4)), tmp_path / "cm.png", normalize=normalize)
    # Only the upper end of the colour bar is dark.
    assert count_color(seen, NAVY) < 400


def test_predictions_run_down_and_true_classes_across(tmp_path):
    # Class 0 was always taken for class 1: row 1, column 0.
    seen = picture([[0, 0, 0], [9, 0, 0], [0, 0, 0]], tmp_path / "cm.png", ["a", "b"])
    rows, columns = np.nonzero((np.abs(seen[:, :-140].astype(int) - NAVY) <= 3).all(axis=-1))
    middle_row, middle_column = rows.mean() / 1.5 - 76, columns.mean() / 1.5
    side = 440 / 3
    left = middle_column - side / 2
    assert middle_row == pytest.approx(1.5 * side, abs=8)
    assert 60 < left < 160  # right of the names, in the first column


def test_normalising_divides_by_the_true_class(tmp_path):
    # All objects were found, and as much again in the background: both cells of the row are full.
    one = picture([[10, 10], [0, 0]], tmp_path / "1.png", ["a"], normalize=True)
    # A rare class that is always right is as dark as a common one.
    two = picture([[1000, 0, 0], [0, 2, 0], [0, 0, 0]], tmp_path / "2.png", ["a", "b"], normalize=True)
    for seen, cells, columns in ((one, 2, 2), (two, 2, 3)):
        side = 440 * 1.5 / columns
        assert count_color(seen, NAVY) > 0.9 * cells * side**2


def test_names_of_every_kind_are_drawn(tmp_path):
    names = ["$x^2$ <b>", "飞机", "a\nb", "x" * 300, ""]
    assert picture(np.eye(6), tmp_path / "cm.png", names).shape[1] < 1300


def test_huge_counts_and_numbers_that_are_not_finite_are_drawn(tmp_path):
    matrix = np.array([[1e15, np.nan], [3.0, 0.0]])
    assert picture(matrix, tmp_path / "cm.png", ["a"]).shape[2] == 3


def test_a_matrix_of_another_size_is_refused(tmp_path):
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        save_confusion_matrix(np.zeros((2, 2)), ["a", "b"], tmp_path / "cm.png", normalize=False)
