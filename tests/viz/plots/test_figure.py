"""The shared look: exact sizes, and nothing of the caller's Matplotlib is used or changed."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from posekit.errors import OutputError
from posekit.viz.chart_style import (
    DARK,
    LINE_CONTRAST,
    add_axes,
    add_title,
    line_color,
    new_figure,
    plain_number,
    png_bytes,
    save_figure,
)
from posekit.viz.colors import WHITE, contrast
from posekit.viz.validation_charts import save_pr_curve
from viz.pixels import bgr_of, decode, read


def test_a_figure_has_one_and_a_half_pixels_per_unit():
    figure = new_figure(400, 300)
    assert decode(png_bytes(figure)).shape == (450, 600, 3)


def test_the_look_fills_the_paper():
    picture = decode(png_bytes(new_figure(40, 30, DARK)))
    assert (picture == [int(DARK.paper[i : i + 2], 16) for i in (5, 3, 1)]).all()


@pytest.mark.parametrize("text", ["$\\frac{1}{$", "$a_b^c$", "\\alpha", "100 %"])
def test_dollar_signs_are_drawn_and_not_read_as_formulas(text):
    def drawn(title):
        figure = new_figure(300, 100)
        add_title(figure, title)
        return decode(png_bytes(figure))

    picture = drawn(text)
    assert picture.min() < 100
    # The same letters with an S in the place of each dollar sign take about as much room.
    widths = [np.nonzero((one < 200).any(axis=(0, 2)))[0].max() for one in (picture, drawn(text.replace("$", "S")))]
    assert abs(widths[0] - widths[1]) < 12


def test_every_line_stands_out_from_white_paper():
    for number in range(40):
        assert contrast(bgr_of(line_color(number)), WHITE) >= LINE_CONTRAST - 0.05


def test_lines_of_different_classes_have_different_colors():
    assert len({line_color(number) for number in range(20)}) == 20


def test_numbers_at_axes_are_plain():
    assert [plain_number(value) for value in (0.0, 0.25, 0.1 + 0.2, 1500.0)] == ["0", "0.25", "0.3", "1,500"]


def test_settings_of_the_user_change_nothing(tmp_path):
    x = np.linspace(0, 1, 1000)

    def plot(name):
        save_pr_curve(x, [1 - x, x], [0.5, 0.6], ["a", "b"], tmp_path / name)
        return (tmp_path / name).read_bytes()

    usual = plot("usual.png")
    settings = {"text.usetex": True, "savefig.bbox": "tight", "savefig.transparent": True, "figure.dpi": 30}
    with matplotlib.rc_context(settings | {"font.family": "serif", "lines.linestyle": "--", "font.size": 30}):
        assert plot("other.png") == usual


def test_neither_pyplot_nor_a_backend_is_loaded(tmp_path):
    code = (
        "import sys; from posekit.viz.chart_style import new_figure, save_figure\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"save_figure(new_figure(40, 30), {str(tmp_path / 'figure.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert read(tmp_path / "figure.png").shape == (45, 60, 3)


def test_folders_are_made_and_nothing_is_left_beside_the_file(tmp_path):
    save_figure(new_figure(40, 30), tmp_path / "new" / "figure.png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figure.png"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_figure(new_figure(40, 30), tmp_path / "file" / "figure.png")


def test_axes_stand_where_they_were_put():
    figure = new_figure(200, 100)
    left, bottom, width, height = add_axes(figure, (20, 10, 100, 50)).get_position().bounds
    np.testing.assert_allclose((left, bottom, width, height), (0.1, 0.4, 0.5, 0.5))
