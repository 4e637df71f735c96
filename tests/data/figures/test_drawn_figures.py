"""Laws of drawing: shape, coverage, depth and light of single parts; sides and visibility of figures built by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.data.figures.body import Pose, Proportions, mirrored
from posekit.data.figures.person import Figure, random_looks
from posekit.data.figures.render import Light, draw_layer
from posekit.data.figures.scene import see_figures
from posekit.data.figures.solids import PATTERNS, Paint, Part, View, shortened
from posekit.schema.schema import COCO_PERSON

PART_SIZE = (120, 120)
FRONT = Light(towards=np.array([0.0, 0.0, -1.0]), ambient=0.3, strength=0.7)
VIEW = View(yaw=0.0, pitch=0.0, roll=0.0, scale=100.0, x=60.0, y=110.0)


def capsule(start, end, radius=0.1, color=(200.0, 100.0, 50.0), **kwargs):
    return Part(
        start=np.array(start), end=np.array(end), side=np.array([1.0, 0.0, 0.0]), widths=(radius,) * 4,
        paint=Paint(base=color), **kwargs,
    )  # fmt: skip


def draw(*parts, view=VIEW, light=FRONT):
    return draw_layer(parts, view, light, PART_SIZE)


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


SCENE_SIZE = (320, 320)
LIGHT = Light(towards=np.array([0.0, 0.0, -1.0]), ambient=0.5, strength=0.5)
INDEX = {name: index for index, name in enumerate(COCO_PERSON.names)}
FLIP = list(COCO_PERSON.flip_idx)


def figure(yaw=0.0, x=160.0, **angles):
    rest = {"root": 2, "spine": 3, "head": 3, "arms": (2, 4), "legs": (2, 4)}
    pose = Pose(**{name: np.radians(angles.get(name, np.zeros(shape))) for name, shape in rest.items()})
    looks = replace(random_looks(np.random.default_rng(1)), hair_cut="cropped", hat_kind="none", beard=False)
    view = View(yaw=math.radians(yaw), pitch=0.0, roll=0.0, scale=260.0, x=x, y=300.0)
    return Figure(Proportions(), pose, looks, view)


def seen(*figures):
    return see_figures(figures, LIGHT, SCENE_SIZE)


def values(drawn):
    return {name: int(drawn.keypoints[index, 2]) for name, index in INDEX.items()}


def test_a_figure_that_faces_the_camera_has_its_left_on_the_pictures_right():
    (drawn,) = seen(figure(arms=np.array([[0, 12.0, 0, 0]] * 2)))
    for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert drawn.keypoints[INDEX[f"left_{part}"], 0] > drawn.keypoints[INDEX[f"right_{part}"], 0]
    assert [name for name, value in values(drawn).items() if value != 2] == []


def test_a_figure_seen_from_behind_has_its_left_on_the_pictures_left_and_no_face():
    (drawn,) = seen(figure(yaw=180))
    assert drawn.keypoints[INDEX["left_shoulder"], 0] < drawn.keypoints[INDEX["right_shoulder"], 0]
    found = values(drawn)
    assert [found[name] for name in ("nose", "left_eye", "right_eye")] == [0, 0, 0]
    assert [found[name] for name in ("left_shoulder", "right_shoulder", "left_hip", "left_knee")] == [2, 2, 2, 2]


@pytest.mark.parametrize(("yaw", "near", "far"), [(90, "right", "left"), (-90, "left", "right")])
def test_in_profile_the_far_side_is_hidden_by_the_own_body(yaw, near, far):
    (drawn,) = seen(figure(yaw=yaw))
    found = values(drawn)
    assert [found[f"{near}_{part}"] for part in ("eye", "ear", "shoulder", "elbow", "wrist")] == [2] * 5
    assert [found[f"{far}_{part}"] for part in ("shoulder", "elbow", "hip")] == [1] * 3
    assert [found[f"{far}_{part}"] for part in ("eye", "ear")] == [0, 0]


def test_a_wrist_behind_the_back_is_hidden_and_before_the_chest_is_visible():
    behind = np.zeros((2, 4))
    behind[0] = (-35, 0, 60, 70)
    front = np.zeros((2, 4))
    front[0] = (30, 0, 60, 90)
    assert values(seen(figure(arms=behind))[0])["left_wrist"] == 1
    assert values(seen(figure(arms=front))[0])["left_wrist"] == 2


def test_a_nearer_figure_hides_the_points_it_covers():
    near, far = seen(figure(x=200.0), figure(x=160.0))
    alone = seen(figure(x=160.0))[0]
    for index in range(17):
        x, y, value = far.keypoints[index]
        covered = near.mask[int(y), int(x)]
        assert value == (1 if covered else alone.keypoints[index, 2])
    assert (far.keypoints[:, 2] == 1).any()
    assert not (near.mask & far.mask).any()


def test_a_figure_behind_another_is_left_out_and_hides_nobody():
    kept = seen(figure(), figure(), figure(x=60.0))
    assert [drawn.figure.view.x for drawn in kept] == [160.0, 60.0]


def test_a_figure_outside_the_picture_is_left_out():
    assert seen(figure(x=900.0)) == []


def test_the_mirrored_pose_gives_the_mirrored_keypoints():
    angles = {
        "root": np.array([5.0, 8.0]),
        "spine": np.array([10.0, 6.0, 15.0]),
        "head": np.array([5.0, 9.0, 20.0]),
        "arms": np.array([[40.0, 50.0, 20.0, 60.0], [-10.0, 20.0, 0.0, 10.0]]),
        "legs": np.array([[30.0, 10.0, 5.0, 40.0], [-15.0, 4.0, 0.0, 20.0]]),
    }
    one = figure(yaw=30, **angles)
    other = replace(one, pose=mirrored(one.pose), view=replace(one.view, yaw=-one.view.yaw))
    flipped = seen(other)[0].keypoints[FLIP]
    labelled = flipped[:, 2] > 0
    flipped[labelled, 0] = 320 - flipped[labelled, 0]
    expected = seen(one)[0].keypoints
    np.testing.assert_allclose(flipped[:, :2], expected[:, :2], atol=1e-3)
    # A point on the very rim of a limb may fall on the other side of a pixel's centre.
    assert (flipped[:, 2] != expected[:, 2]).sum() <= 1


def test_bones_keep_their_length_in_every_pose():
    body = Proportions()
    bent = figure(arms=np.full((2, 4), 70.0), legs=np.full((2, 4), 50.0)).skeleton.points
    for side in ("left", "right"):
        assert np.linalg.norm(bent[f"{side}_elbow"] - bent[f"{side}_shoulder"]) == pytest.approx(body.upper_arm)
        assert np.linalg.norm(bent[f"{side}_wrist"] - bent[f"{side}_elbow"]) == pytest.approx(body.forearm)
        assert np.linalg.norm(bent[f"{side}_knee"] - bent[f"{side}_hip"]) == pytest.approx(body.thigh)
        assert np.linalg.norm(bent[f"{side}_ankle"] - bent[f"{side}_knee"]) == pytest.approx(body.shin)


def test_bent_elbows_point_forward_and_bent_knees_back():
    points = figure(arms=np.array([[0, 0, 0, 90.0]] * 2), legs=np.array([[0, 0, 0, 90.0]] * 2)).skeleton.points
    for side in ("left", "right"):
        assert points[f"{side}_wrist"][2] > points[f"{side}_elbow"][2] + 0.1
        assert points[f"{side}_ankle"][2] < points[f"{side}_knee"][2] - 0.1
