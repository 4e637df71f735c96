"""Curves: every class is seen, and odd inputs give a picture."""

import numpy as np
import pytest

from posekit.errors import ShapeError
from posekit.viz.chart_style import LIGHT, line_color
from posekit.viz.validation_charts import save_confidence_curve, save_pr_curve
from viz.pixels import bgr_of, count_color, read

X = np.linspace(0, 1, 1000)
SIZE = (900, 1350, 3)
ODD_NAMES = ["$x^2$ <b>", "飞机", "a\nb", "x" * 300, ""]


def curves(count):
    return np.array([np.clip(1.2 - X * (1 + i / 5), 0, 1) for i in range(count)]).reshape(count, len(X))


def pr_picture(count, path, names=None):
    save_pr_curve(X, curves(count), np.linspace(0.2, 0.9, count), names or [f"c{i}" for i in range(count)], path)
    return read(path)


def ink(text):
    return tuple(int(text[i : i + 2], 16) for i in (5, 3, 1))


@pytest.mark.parametrize("count", [0, 1, 2, 20, 21, 80])
def test_any_number_of_classes_gives_a_picture_of_the_promised_size(count, tmp_path):
    assert pr_picture(count, tmp_path / "BoxPR_curve.png").shape == SIZE


def test_each_class_has_a_line_of_its_color(tmp_path):
    picture = pr_picture(5, tmp_path / "pr.png")
    for number in range(5):
        assert count_color(picture, bgr_of(line_color(number))) > 300


def test_many_classes_are_grey_with_a_bold_mean(tmp_path):
    picture = pr_picture(21, tmp_path / "pr.png")
    assert count_color(picture, bgr_of(line_color(3))) == 0
    assert count_color(picture, ink(LIGHT.ink)) > 3000


def test_a_single_class_has_no_mean_beside_it(tmp_path):
    one = pr_picture(1, tmp_path / "one.png")
    assert count_color(one[150:800, 120:], ink(LIGHT.ink)) == 0
    assert count_color(one, bgr_of(line_color(0))) > 3000


def test_names_of_every_kind_are_drawn(tmp_path):
    assert pr_picture(5, tmp_path / "pr.png", ODD_NAMES).shape == SIZE


def test_the_operating_point_is_marked(tmp_path):
    for name, chosen in (("with.png", 0.4), ("without.png", None)):
        save_confidence_curve(X, curves(2), ["a", "b"], tmp_path / name, "F1", operating_confidence=chosen)
    with_point, without = read(tmp_path / "with.png"), read(tmp_path / "without.png")
    # The axes begin at 72 units and are 560 units wide; the dashed line runs down to the axis.
    column = round((72 + 0.4 * 560) * 1.5)
    below = slice(700, 790)
    assert (with_point[below, column - 2 : column + 3] != without[below, column - 2 : column + 3]).any()


@pytest.mark.parametrize("label", ["F1", "Precision", "Recall"])
def test_a_class_without_detections_lies_at_zero(label, tmp_path):
    values = np.zeros((1, len(X)))
    save_confidence_curve(X, values, ["person"], tmp_path / "c.png", label, operating_confidence=0.0)
    assert read(tmp_path / "c.png").shape == SIZE


def test_no_labelled_class_is_said_instead_of_drawn(tmp_path):
    save_confidence_curve([], [], [], tmp_path / "c.png", "F1", operating_confidence=0.5)
    assert count_color(read(tmp_path / "c.png"), ink(LIGHT.muted)) > 100


def test_numbers_that_are_not_finite_do_not_stop_the_figure(tmp_path):
    values = np.full((2, len(X)), np.nan)
    save_confidence_curve(X, values, ["a", "b"], tmp_path / "c.png", "F1", operating_confidence=0.5)
    assert read(tmp_path / "c.png").shape == SIZE


def test_lengths_that_do_not_fit_are_named(tmp_path):
    with pytest.raises(ShapeError, match="3 class names"):
        save_pr_curve(X, curves(2), [0.1, 0.2], ["a", "b", "c"], tmp_path / "pr.png")
    with pytest.raises(ShapeError, match="ap50"):
        save_pr_curve(X, curves(2), [0.1], ["a", "b"], tmp_path / "pr.png")
    with pytest.raises(ShapeError, match=r"\(2, 999\)"):
        save_confidence_curve(X, curves(2)[:, 1:], ["a", "b"], tmp_path / "c.png", "F1")
    assert not list(tmp_path.iterdir())
