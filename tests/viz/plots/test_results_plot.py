"""The course of a training as small multiples."""

import numpy as np
import pytest

from posekit.viz.colors import CLASS_COLORS
from posekit.viz.training_chart import METRIC_COLOR, TRAIN_COLOR, VAL_COLOR, save_results_plot, smoothed
from viz.pixels import bgr_of, count_color, read

POSE_26 = ("box_loss", "pose_loss", "kobj_loss", "cls_loss", "l1_loss", "rle_loss")


def row(epoch, losses=("box_loss",), parts="B", **more):
    values = {"epoch": epoch, "time": 10.0 * epoch}
    values |= {f"train/{loss}": 3 / epoch for loss in losses}
    values |= {
        f"metrics/{name}({part})": 1 - 1 / epoch
        for part in parts
        for name in ("precision", "recall", "mAP50", "mAP50-95")
    }
    values |= {f"val/{loss}": 4 / epoch for loss in losses}
    return values | {f"lr/pg{group}": 0.01 / epoch for group in range(3)} | more


def plot(rows, path):
    save_results_plot(rows, path / "results.png")
    return read(path / "results.png")


def test_every_loss_and_metric_adds_to_the_picture(tmp_path):
    small = plot([row(epoch) for epoch in range(1, 30)], tmp_path)
    large = plot([row(epoch, POSE_26, "BP") for epoch in range(1, 30)], tmp_path)
    assert small.shape[1] == large.shape[1]
    assert large.shape[0] > 1.5 * small.shape[0]
    assert count_color(large, bgr_of(TRAIN_COLOR)) > 4 * count_color(small, bgr_of(TRAIN_COLOR))
    assert count_color(large, bgr_of(METRIC_COLOR)) > 1.7 * count_color(small, bgr_of(METRIC_COLOR))


def test_epochs_without_validation_leave_out_its_line(tmp_path):
    rows = [{key: value for key, value in row(epoch).items() if not key.startswith("val/")} for epoch in range(1, 9)]
    assert count_color(plot(rows, tmp_path), bgr_of(VAL_COLOR)) == 0
    assert count_color(plot([*rows, row(9), row(10)], tmp_path), bgr_of(VAL_COLOR)) > 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_left_out(bad, tmp_path):
    rows = [row(epoch) for epoch in range(1, 9)]
    left_out = [values if number != 4 else values | {"train/box_loss": bad} for number, values in enumerate(rows)]
    missing = [values if number != 4 else {k: v for k, v in values.items() if k != "train/box_loss"}
               for number, values in enumerate(rows)]  # fmt: skip
    np.testing.assert_array_equal(plot(left_out, tmp_path), plot(missing, tmp_path))


@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_any_number_of_epochs_is_drawn(count, tmp_path):
    picture = plot([row(epoch) for epoch in range(1, count + 1)], tmp_path)
    assert picture.shape[1] > 1700
    assert (count_color(picture, bgr_of(METRIC_COLOR)) > 0) == (count > 0)


def test_values_that_never_change_and_unknown_columns_are_drawn(tmp_path):
    rows = [row(epoch) | {"metrics/mAP50(B)": 0.0, "metrics/own": 7.0, "weather": 1.0} for epoch in range(1, 4)]
    assert plot(rows, tmp_path).shape[0] > plot([row(1)], tmp_path).shape[0]


def test_very_many_learning_rates_stay_in_their_panel(tmp_path):
    few, many = ([row(epoch) | {f"lr/pg{n}": n / epoch for n in range(count)} for epoch in (1, 2)] for count in (3, 28))
    named, unnamed = plot(few, tmp_path), plot(many, tmp_path)
    assert named.shape == unnamed.shape
    changed = np.nonzero((named != unnamed).any(2))[1]
    panel = 4 * named.shape[1] // 16  # the first of four panels holds the loss, the second the rates
    assert changed.min() > panel
    assert changed.max() < 2 * panel + panel // 4


def test_equal_learning_rates_are_all_seen(tmp_path):
    picture = plot([row(epoch) for epoch in range(1, 20)], tmp_path)
    assert all(count_color(picture, CLASS_COLORS[number], 12) > 20 for number in (6, 3))


def test_smoothing_keeps_constants_and_evens_out_the_rest():
    np.testing.assert_allclose(smoothed(np.full(9, 0.25)), 0.25)
    noisy = np.where(np.arange(100) % 2, 1.0, 0.0)
    assert np.abs(smoothed(noisy)[10:-10] - 0.5).max() < 0.01
    assert smoothed(np.zeros(0)).shape == (0,)


def test_smoothing_is_a_gaussian_of_three_epochs():
    impulse = smoothed(np.eye(41)[20])
    expected = np.exp(-0.5 * ((np.arange(41) - 20) / 3) ** 2)
    np.testing.assert_allclose(impulse, expected / expected.sum(), atol=1e-3)
