"""Charts of a data set, one by one and side by side on one sheet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import ShapeError
from posekit.files.pictures import encode_picture
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from posekit.viz.chart_style import DARK, LIGHT, save_chart_sheet
from posekit.viz.colors import CLASS_COLORS, pose_colors
from posekit.viz.dataset_charts import (
    BAR,
    box_size_chart,
    class_count_chart,
    mean_pose_chart,
    spread_apart,
    visibility_chart,
)
from viz.pixels import count_color, decode, read

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


SIZE = (630, 750, 3)


def test_a_point_appears_where_it_lies_in_the_box():
    schema = KeypointSchema(shape=(1, 3), names=("tip",))
    color = pose_colors(schema).points[0]
    middles = []
    for place in ([0.0, 0.0], [1.0, 1.0]):
        picture = decode(mean_pose_chart([place], schema))
        assert count_color(picture, color) > 30
        middles.append(np.argwhere((np.abs(picture.astype(int) - color) <= 3).all(axis=-1)).mean(axis=0))
    (down, across), room = np.subtract(middles[1], middles[0]), np.array(SIZE[:2])
    assert (np.array([down, across]) > 0.4 * room).all()
    assert (np.array([down, across]) < room).all()


def test_limbs_need_both_ends():
    whole = np.linspace(0, 1, 34).reshape(17, 2)
    halved = whole.copy()
    halved[5:] = np.nan
    limb = pose_colors(COCO_PERSON).limbs[0]
    assert count_color(decode(mean_pose_chart(whole, COCO_PERSON)), limb) > 50
    assert count_color(decode(mean_pose_chart(halved, COCO_PERSON)), limb) == 0


@pytest.mark.parametrize("count", [1, 2, 45, 133])
def test_any_number_of_points_is_drawn(count):
    points = np.random.default_rng(0).random((count, 2))
    assert decode(mean_pose_chart(points, KeypointSchema(shape=(count, 3)), look=DARK)).shape == SIZE


def test_points_that_are_never_labelled_or_far_outside_do_not_stop_the_chart():
    points = np.full((17, 2), np.nan)
    assert decode(mean_pose_chart(points, COCO_PERSON)).shape == SIZE
    points[3] = (1e30, -1e30)
    points[4] = (np.inf, 0.5)
    assert decode(mean_pose_chart(points, COCO_PERSON)).shape == SIZE


def test_points_of_every_name_are_drawn():
    schema = KeypointSchema(shape=(4, 3), names=("$x^2$ <b>", "飞", "a\nb", "x" * 300))
    assert decode(mean_pose_chart(np.full((4, 2), 0.5), schema)).shape == SIZE


def test_another_number_of_points_is_refused():
    with pytest.raises(ShapeError, match="17 points"):
        mean_pose_chart(np.zeros((5, 2)), COCO_PERSON)


@given(st.lists(st.floats(-0.5, 1.5), max_size=30).map(sorted), st.floats(0.001, 0.2))
def test_names_are_spread_apart_in_order_and_within_bounds(wanted, gap):
    places = spread_apart(np.array(wanted), gap, 0.0, 1.0)
    least = min(gap, 1 / max(len(wanted) - 1, 1))
    assert (np.diff(places) >= least - 1e-9).all()
    assert len(places) == len(wanted)
    assert not len(places) or (places[0] >= -1e-9 and places[-1] <= 1 + 1e-9)


def test_names_with_room_stay_at_their_points():
    np.testing.assert_allclose(spread_apart(np.array([0.1, 0.5, 0.9]), 0.05, 0.0, 1.0), [0.1, 0.5, 0.9])


BLACK = (0, 0, 0)  # unlike colours, sharp at its edges in a JPEG; darker than all ink


def block(width, height):
    """Return a chart that is one black block, units."""
    return encode_picture(np.zeros((round(height * 1.5), round(width * 1.5), 3), np.uint8), ".png")


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
