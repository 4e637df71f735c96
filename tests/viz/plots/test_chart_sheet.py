"""Charts side by side on one sheet."""

import numpy as np
import pytest

from posekit.viz.chart_style import new_figure, png_bytes, save_chart_sheet
from posekit.viz.dataset_charts import class_count_chart
from viz.pixels import count_color, read

BLACK = (0, 0, 0)  # unlike colours, sharp at its edges in a JPEG; darker than all ink


def block(width, height):
    """Return a chart that is one black block, units."""
    figure = new_figure(width, height)
    figure.set_facecolor("#000000")
    return png_bytes(figure)


def sheet(columns, path):
    save_chart_sheet("Labels", "of a set", columns, path / "sheet.jpg")
    return read(path / "sheet.jpg")


def black_box(picture):
    rows, columns = np.nonzero((np.abs(picture.astype(int) - BLACK) <= 6).all(axis=-1))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_charts_keep_every_pixel(tmp_path):
    left, top, right, bottom = black_box(sheet([[("a", block(200, 100))]], tmp_path))
    assert (right - left, bottom - top) == pytest.approx((300, 150), abs=2)


def test_charts_of_a_column_stand_below_each_other_and_columns_side_by_side(tmp_path):
    one = sheet([[("a", block(200, 100))]], tmp_path)
    below = sheet([[("a", block(200, 100)), ("b", block(200, 100))]], tmp_path)
    beside = sheet([[("a", block(400, 100))], [("b", block(400, 100))]], tmp_path)
    assert below.shape[0] > one.shape[0] + 150
    assert beside.shape[0] == one.shape[0]
    assert beside.shape[1] > 1200
    for picture, pixels in ((one, 300 * 150), (below, 2 * 300 * 150), (beside, 2 * 600 * 150)):
        assert count_color(picture, BLACK, 6) == pytest.approx(pixels, rel=0.02)


def test_columns_of_different_heights_and_empty_ones_fit(tmp_path):
    picture = sheet([[("a", block(200, 400))], [], [("b", class_count_chart([1], ["x"]))]], tmp_path)
    assert count_color(picture, BLACK, 6) == pytest.approx(300 * 600, rel=0.02)
    assert sheet([], tmp_path).shape[0] > 100
