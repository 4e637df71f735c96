import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.engine.training_batches import largest_side, rescaled, smallest_side


def test_without_change_the_side_stays():
    assert (smallest_side(320, 0.0, 32), largest_side(320, 0.0, 32)) == (320, 320)


@given(st.integers(1, 20), st.floats(0.01, 1.0), st.integers(0, 10_000))
def test_sides_lie_between_the_smallest_and_the_largest_on_the_stride(strides, change, seed):
    side = 32 * strides
    images = torch.zeros(1, 1, side, side)
    new = rescaled(images, change, 32, (0, seed), side).shape[-1]
    assert new % 32 == 0
    assert smallest_side(side, change, 32) <= new <= largest_side(side, change, 32)


def test_sizes_follow_from_the_seed_and_all_of_them_come():
    images = torch.zeros(1, 3, 64, 128)
    shapes = [rescaled(images, 0.5, 32, (3, number), 128).shape[2:] for number in range(60)]
    assert shapes == [rescaled(images, 0.5, 32, (3, number), 128).shape[2:] for number in range(60)]
    assert {width for _, width in shapes} == {64, 96, 128, 160, 192}
    assert {(height, width) for height, width in shapes} == {(32, 64), (64, 96), (64, 128), (96, 160), (96, 192)}


def test_pictures_made_in_the_largest_size_are_made_smaller():
    images = torch.zeros(1, 1, 544, 544)
    sides = {rescaled(images, 5 * 32 / 384, 32, (0, number), 384).shape[-1] for number in range(200)}
    assert sides == set(range(224, 545, 32))


def test_what_is_shown_stays_where_it_is():
    images = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    resized = next(
        one for one in (rescaled(images, 0.5, 32, (0, n), 64) for n in range(9)) if one.shape != images.shape
    )
    assert resized[0, 0, 0, -1] == pytest.approx(1.0, abs=0.02)
    assert resized[0, 0].std(0).max() < 1e-6
