import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.data.convert.objects import extent_of_turned_box

sides = st.floats(1, 100)
degrees = st.floats(-720, 720)


@pytest.mark.parametrize("turns", [0, 360, -720])
def test_whole_turns_change_nothing(turns):
    assert extent_of_turned_box((1, 2, 3, 4), turns, around=(9, 9)) == (1, 2, 3, 4)


def test_clockwise_is_as_seen_in_the_picture():
    # A quarter turn around the upper left corner takes what lies to the right of it below it.
    np.testing.assert_allclose(extent_of_turned_box((10, 10, 30, 20), 90, around=(10, 10)), (0, 10, 10, 30), atol=1e-9)


@given(width=sides, height=sides, angle=degrees)
def test_the_extent_has_the_size_that_trigonometry_says(width, height, angle):
    x1, y1, x2, y2 = extent_of_turned_box((0, 0, width, height), angle, around=(width / 2, height / 2))
    cosine, sine = abs(np.cos(np.radians(angle))), abs(np.sin(np.radians(angle)))
    np.testing.assert_allclose(x2 - x1, width * cosine + height * sine, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(y2 - y1, width * sine + height * cosine, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], [width / 2, height / 2], rtol=1e-9)
