"""Laws of the rasteriser: shape, coverage, depth and light of single parts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.data.figures.render import Light, draw_layer
from posekit.data.figures.solids import PATTERNS, Paint, Part, View, shortened

SIZE = (120, 120)
FRONT = Light(towards=np.array([0.0, 0.0, -1.0]), ambient=0.3, strength=0.7)
VIEW = View(yaw=0.0, pitch=0.0, roll=0.0, scale=100.0, x=60.0, y=110.0)


def capsule(start, end, radius=0.1, color=(200.0, 100.0, 50.0), **kwargs):
    return Part(
        start=np.array(start), end=np.array(end), side=np.array([1.0, 0.0, 0.0]), widths=(radius,) * 4,
        paint=Paint(base=color), **kwargs,
    )  # fmt: skip


def draw(*parts, view=VIEW, light=FRONT):
    return draw_layer(parts, view, light, SIZE)


def test_an_upright_capsule_covers_its_rectangle_and_two_half_discs():
    layer = draw(capsule((0, 0.3, 0), (0, 0.7, 0)))
    assert layer.mask.sum() == pytest.approx(20 * 40 + math.pi * 100, rel=0.01)


@settings(max_examples=30)
@given(st.floats(-math.pi, math.pi), st.floats(-1.2, 1.2), st.floats(-1.5, 1.5))
def test_a_ball_is_the_same_disc_from_every_side(yaw, pitch, roll):
    view = View(yaw=yaw, pitch=pitch, roll=roll, scale=100.0, x=60.0, y=60.0)
    layer = draw(capsule((0, 0, 0), (0, 0.001, 0), 0.3), view=view)
    assert layer.mask.sum() == pytest.approx(math.pi * 900, rel=0.02)
    assert layer.depth.min() == pytest.approx(-30, abs=0.5)


def test_coverage_is_soft_at_the_rim_and_full_inside():
    layer = draw(capsule((0, 0.3, 0), (0.05, 0.7, 0)))
    cover = layer.color[3]
    assert cover.min() >= 0
    assert cover.max() == 1
    assert ((cover > 0.05) & (cover < 0.95)).sum() > 20
    assert (cover[layer.mask] > 0.45).all()
    assert (cover[~layer.mask] < 0.55).all()


def test_the_nearer_part_is_seen_whatever_the_order():
    red, blue = (0.0, 0.0, 200.0), (200.0, 0.0, 0.0)
    near, far = capsule((0, 0.3, 0.4), (0, 0.7, 0.4), color=red), capsule((-0.3, 0.5, 0), (0.3, 0.5, 0), color=blue)
    for layer in (draw(near, far), draw(far, near)):
        row, column = 60 - layer.top, 60 - layer.left
        assert layer.color[2, row, column] > 150
        assert layer.color[0, row, column] == 0


def test_crossing_parts_share_pixels_by_depth():
    leaning = capsule((-0.3, 0.5, 0.5), (0.3, 0.5, -0.5), 0.05, color=(0.0, 200.0, 0.0))
    upright = capsule((0, 0.5, 0), (0.001, 0.5, 0), 0.3, color=(200.0, 0.0, 0.0))
    layer = draw(leaning, upright)
    row = 60 - layer.top
    assert layer.color[1, row, 36 - layer.left] > 50
    assert layer.color[1, row, 80 - layer.left] == 0


def test_the_lit_side_is_brighter():
    light = Light(towards=np.array([-1.0, 0.0, 0.0]), ambient=0.3, strength=0.7)
    layer = draw(capsule((0, 0.3, 0), (0, 0.7, 0)), light=light)
    row = 60 - layer.top
    assert layer.color[0, row, 52 - layer.left] > 1.5 * layer.color[0, row, 68 - layer.left]


def test_a_flat_part_is_narrow_from_the_side():
    part = capsule((0, 0.2, 0), (0, 0.8, 0), 0.2, flat=0.3)
    side_view = View(yaw=math.pi / 2, pitch=0.0, roll=0.0, scale=100.0, x=60.0, y=110.0)
    row = np.s_[60 - draw(part).top]
    assert draw(part).mask[row].sum() == 40
    assert draw(part, view=side_view).mask[row].sum() == 12


def test_a_side_along_the_axis_is_taken_for_a_round_part():
    layer = draw(capsule((-0.2, 0.5, 0), (0.2, 0.5, 0)))
    assert layer.mask.sum() == pytest.approx(20 * 40 + math.pi * 100, rel=0.01)


def test_a_shortened_part_ends_at_its_hem():
    whole = capsule((0, 0.9, 0), (0, 0.3, 0))
    half = draw(shortened(whole, 0.5))
    assert half.top + half.mask.any(1).nonzero()[0].max() == pytest.approx(110 - 60 + 2, abs=1.5)


def test_parts_outside_the_picture_or_too_thin_give_nothing():
    assert draw(capsule((5, 5, 0), (5, 6, 0))) is None
    assert draw(capsule((0, 0.3, 0), (0, 0.7, 0), 0.001)) is None


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_pattern_weights_are_shares(name):
    t, u = np.meshgrid(np.linspace(0, 1, 50, dtype=np.float32), np.linspace(-1, 1, 50, dtype=np.float32))
    weight = PATTERNS[name](t, u, 5.0)
    assert weight.dtype == np.float32
    assert 0 <= weight.min() < weight.max() <= 1
