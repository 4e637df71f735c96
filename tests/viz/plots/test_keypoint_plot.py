"""Bars per keypoint."""

import numpy as np
import pytest

from posekit.errors import ShapeError
from posekit.viz.colors import CLASS_COLORS
from posekit.viz.validation_charts import save_keypoint_plot
from viz.pixels import count_color, read

OKS_BAR = CLASS_COLORS[0]


def row(name="nose", oks=0.8, error=0.05, swap_rate=0.02, **more):
    return {"keypoint": name, "oks": oks, "mean_error": error, "swap_rate": swap_rate, **more}


def bars(rows, path):
    save_keypoint_plot(rows, path)
    return count_color(read(path), OKS_BAR)


def test_bars_grow_with_the_oks_contribution(tmp_path):
    low, high = (bars([row(oks=oks)] * 3, tmp_path / f"{oks}.png") for oks in (0.3, 0.9))
    assert high / low == pytest.approx(3, rel=0.05)


def test_rows_stand_in_the_order_given(tmp_path):
    save_keypoint_plot([row("a", oks=0.9), *[row(oks=0.0)] * 4], tmp_path / "first.png")
    picture = read(tmp_path / "first.png")
    rows, _ = np.nonzero((np.abs(picture.astype(int) - OKS_BAR) <= 3).all(axis=-1))
    assert (rows < picture.shape[0] / 2).mean() > 0.95


def test_values_that_do_not_exist_have_no_bar(tmp_path):
    assert bars([row(oks=None, error=float("nan"), swap_rate=None)] * 2, tmp_path / "none.png") == 0


@pytest.mark.parametrize("count", [0, 1, 17, 133])
def test_any_number_of_keypoints_is_drawn(count, tmp_path):
    save_keypoint_plot([row(f"point {i}", oks=i / 200) for i in range(count)], tmp_path / "k.png")
    height, width, _ = read(tmp_path / "k.png").shape
    assert 1200 < width < 1800
    assert height >= 200 + 22 * count


def test_errors_beyond_all_measure_are_drawn(tmp_path):
    save_keypoint_plot([row(error=1e9, swap_rate=0.0), row(error=0.0)], tmp_path / "k.png")
    assert read(tmp_path / "k.png").shape[2] == 3


def test_names_of_every_kind_are_drawn(tmp_path):
    rows = [row(name) for name in ("$x^2$ <b>", "飞", "a\nb", "x" * 300, "")]
    save_keypoint_plot(rows, tmp_path / "k.png")
    assert read(tmp_path / "k.png").shape[1] < 1800


def test_further_keys_of_the_rows_are_ignored(tmp_path):
    assert bars([row(labelled=12, conf_hidden=None)], tmp_path / "k.png") > 0


def test_a_missing_key_and_a_wrong_value_are_named(tmp_path):
    with pytest.raises(ShapeError, match="lacks 'swap_rate'"):
        save_keypoint_plot([{"keypoint": "nose", "oks": 1.0, "mean_error": 0.0}], tmp_path / "k.png")
    with pytest.raises(ShapeError, match=r"'oks'.*'high'"):
        save_keypoint_plot([row(oks="high")], tmp_path / "k.png")
