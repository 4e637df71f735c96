"""The plate of mean keypoints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import ShapeError
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from posekit.viz.chart_style import DARK
from posekit.viz.colors import pose_colors
from posekit.viz.dataset_charts import mean_pose_chart, spread_apart
from viz.pixels import count_color, decode

SIZE = (630, 750, 3)


def test_a_point_appears_where_it_lies_in_the_box():
    schema = KeypointSchema(shape=(1, 3), names=("tip",))
    color = pose_colors(schema).points[0]
    middles = []
    for place in ([0.0, 0.0], [1.0, 1.0]):
        picture = decode(mean_pose_chart([place], schema))
        assert count_color(picture, color) > 30
        middles.append(np.argwhere((np.abs(picture.astype(int) - color) <= 3).all(axis=-1)).mean(axis=0))
    # The dashed box: 220 units between the names, 380 high, with an eighth of its sides around it.
    np.testing.assert_allclose(middles[1] - middles[0], [380 / 1.24 * 1.5, 220 / 1.24 * 1.5], atol=2)


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


def test_names_of_every_kind_are_drawn():
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
