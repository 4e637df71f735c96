"""Charts of a data set."""

import numpy as np
import pytest

from posekit.errors import ShapeError
from posekit.viz.chart_style import DARK, LIGHT
from posekit.viz.colors import CLASS_COLORS
from posekit.viz.dataset_charts import BAR, box_size_chart, class_count_chart, visibility_chart
from viz.pixels import count_color, decode

ODD_NAMES = ["$x^2$ <b>", "飞机", "a\nb", "x" * 300, ""]


def paper(look):
    return tuple(int(look.paper[i : i + 2], 16) for i in (5, 3, 1))


@pytest.mark.parametrize("look", [LIGHT, DARK])
def test_charts_have_the_paper_of_their_look(look):
    charts = (
        class_count_chart([3, 1], ["a", "b"], look=look),
        visibility_chart([[1, 2, 3]], ["nose"], look=look),
        box_size_chart([[0.5, 0.5]], look=look),
    )
    for chart in charts:
        picture = decode(chart)
        assert picture.shape[1] == 750
        assert count_color(picture, paper(look), 0) > 0.3 * picture.shape[0] * picture.shape[1]


def test_bars_grow_with_the_number_of_objects():
    equal, unequal = (count_color(decode(class_count_chart(counts, ["a", "b"])), BAR) for counts in ([8, 8], [8, 4]))
    assert unequal / equal == pytest.approx(0.75, abs=0.03)


def test_very_many_classes_are_summed_up():
    few = decode(class_count_chart(np.arange(40), [f"c{i}" for i in range(40)]))
    many = decode(class_count_chart(np.arange(500), [f"c{i}" for i in range(500)]))
    assert many.shape[0] == few.shape[0]


def test_visibility_bars_show_the_shares():
    picture = decode(visibility_chart([[25, 25, 50]] * 6, list("abcdef")))
    visible, hidden = (count_color(picture[60:], CLASS_COLORS[number]) for number in (0, 5))
    assert visible / hidden == pytest.approx(2, rel=0.05)


def test_boxes_appear_where_their_size_is():
    small, large = (decode(box_size_chart([[size, size]] * 5)) for size in (0.1, 0.9))
    rows, columns = np.nonzero((small != large).any(axis=-1))
    assert rows.min() < 200
    assert rows.max() > 400
    assert columns.min() < 250
    assert columns.max() > 500


def test_empty_data_sets_have_charts():
    for chart in (
        class_count_chart([], []),
        class_count_chart([0, 0], ["a", "b"]),
        visibility_chart(np.zeros((0, 3)), []),
        visibility_chart(np.zeros((4, 3)), list("abcd")),
        box_size_chart(np.zeros((0, 2))),
        box_size_chart([[np.nan, np.inf]]),
    ):
        assert decode(chart).shape[1] == 750


def test_names_of_every_kind_are_drawn():
    assert decode(class_count_chart(range(5), ODD_NAMES)).shape[1] == 750
    assert decode(visibility_chart(np.ones((5, 3)), ODD_NAMES)).shape[1] == 750


def test_lengths_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match="class counts"):
        class_count_chart([1, 2], ["a"])
    with pytest.raises(ShapeError, match="visibility counts"):
        visibility_chart([[1, 2]], ["a"])
    with pytest.raises(ShapeError, match="box sizes"):
        box_size_chart([[1, 2, 3]])
