"""Partners are the pictures of the last eight batches, by the order of the epoch alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.augment.chance import recent_pictures, window_length


@pytest.mark.parametrize(("count", "batch", "length"), [(50, 16, 50), (5000, 16, 128), (5000, 200, 1000)])
def test_the_window_is_eight_batches_but_at_most_a_thousand_or_all(count, batch, length):
    assert window_length(count, batch) == length


@given(st.integers(1, 40), st.data())
def test_the_window_ends_with_the_picture_itself(count, data):
    order = np.random.default_rng(count).permutation(count)
    position = data.draw(st.integers(0, count - 1))
    length = data.draw(st.integers(1, count))
    recent = recent_pictures(order, position, length)
    assert recent[-1] == order[position]
    assert len(set(recent.tolist())) == length


def test_before_the_first_picture_come_the_last():
    assert recent_pictures(np.array([7, 8, 9, 5]), 1, 3).tolist() == [5, 7, 8]
