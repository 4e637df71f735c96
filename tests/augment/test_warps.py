"""Changes of one picture and its objects: affine maps, mirror images, stretched crops, colours."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.made_samples import GOLDEN, SCHEMA, assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.objects import move_objects
from posekit.augment.warps import (
    AffineParameters,
    Crops,
    Region,
    Stretch,
    affine_matrix,
    change_colours,
    draw_affine,
    draw_colour_gains,
    draw_region,
    flip_left_right,
    flip_up_down,
    shift_colours,
    stretch_region,
    warp_picture,
    warp_points,
    warp_sample,
)
from posekit.config.settings import AugmentationSettings
from posekit.errors import SchemaError
from posekit.sample import Sample


@pytest.mark.parametrize("case", ["affine", "rotshear", "persp"])
def test_recorded_parameters_give_the_recorded_matrix(case):
    angle, zoom, *rest = GOLDEN[f"{case}/params_angle_scale_shx_shy_tx_ty_px_py"].tolist()
    shear, shift, perspective = zip(*[iter(rest)] * 2, strict=True)
    parameters = AffineParameters(angle=angle, zoom=zoom, shear=shear, shift=shift, perspective=perspective)
    matrix = affine_matrix(parameters, (320, 320), (160, 160))
    np.testing.assert_allclose(matrix, GOLDEN[f"{case}/M"], rtol=0, atol=2e-3)


def test_the_default_puts_the_centre_into_the_centre():
    matrix = affine_matrix(AffineParameters(), (30, 50), (100, 80))
    np.testing.assert_allclose(matrix @ (25, 15, 1), (40, 50, 1))


def test_a_positive_angle_turns_counter_clockwise_as_seen():
    matrix = affine_matrix(AffineParameters(angle=90), (100, 100), (100, 100))
    np.testing.assert_allclose(matrix @ (100, 50, 1), (50, 0, 1), atol=1e-9)  # from the right to the top


@given(st.integers(0, 2**32), st.floats(0, 90), st.floats(0, 1), st.floats(0, 0.99))
def test_draws_stay_in_their_ranges(seed, degrees, translate, scale):
    settings = AugmentationSettings(degrees=degrees, translate=translate, scale=scale, shear=10.0, perspective=0.001)
    drawn = draw_affine(settings, np.random.default_rng(seed))
    assert abs(drawn.angle) <= degrees
    assert 1 - scale <= drawn.zoom <= 1 + scale
    assert max(map(abs, drawn.shear)) <= 10
    assert max(abs(value - 0.5) for value in drawn.shift) <= translate + 1e-12
    assert max(map(abs, drawn.perspective)) <= 0.001


def test_a_pair_of_scales_is_the_range_itself():
    settings = AugmentationSettings(scale=(0.2, 0.3))
    zooms = [draw_affine(settings, np.random.default_rng(seed)).zoom for seed in range(50)]
    assert 0.2 <= min(zooms) < max(zooms) <= 0.3


@given(st.integers(0, 2**32))
def test_even_the_widest_shear_never_mirrors(seed):
    settings = AugmentationSettings(shear=180.0, degrees=180.0)
    drawn = draw_affine(settings, np.random.default_rng(seed))
    assert np.linalg.det(affine_matrix(drawn, (64, 64), (64, 64))) > 0


CASES = ["affine", "rotshear", "persp"]
SIDE = 160


def recorded_sample(*, outlines):
    return Sample(
        image=np.zeros((320, 320, 3), np.uint8),
        boxes=GOLDEN["persp_box_in"],
        classes=np.arange(9),
        keypoints=GOLDEN["persp_kpt_in"],
        polygons=tuple(GOLDEN["persp_seg_in"]) if outlines else None,
    )


def wild_settings():
    return AugmentationSettings(degrees=180.0, shear=20.0, scale=0.6, translate=0.4, perspective=0.001)


@pytest.mark.parametrize("case", CASES)
def test_recorded_objects_move_to_the_recorded_places(case):
    matrix = GOLDEN[f"{case}/M"].astype(np.float64)
    moved = move_objects(recorded_sample(outlines=True), lambda rows: warp_points(rows, matrix))
    np.testing.assert_allclose(moved.boxes, GOLDEN[f"{case}/box_out"], rtol=0, atol=2e-3)
    np.testing.assert_allclose(moved.keypoints[..., :2], GOLDEN[f"{case}/kpt_out"][..., :2], rtol=0, atol=2e-3)
    inside = GOLDEN[f"{case}/segbox_out"]
    cut = np.clip(np.stack(moved.polygons), inside[:, None, :2], inside[:, None, 2:])
    np.testing.assert_allclose(cut, GOLDEN[f"{case}/seg_out"], rtol=0, atol=2e-3)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("outlines", [False, True])
def test_recorded_objects_stay_or_go_as_recorded(case, outlines):
    matrix = GOLDEN[f"{case}/M"].astype(np.float64)
    zoom = float(GOLDEN[f"{case}/params_angle_scale_shx_shy_tx_ty_px_py"][1])
    result = warp_sample(recorded_sample(outlines=outlines), matrix, (SIDE, SIDE), zoom=zoom)
    kept = f"{case}/{'segs' if outlines else 'nosegs'}"
    np.testing.assert_array_equal(result.classes, GOLDEN[f"{kept}/cls_kept"])
    np.testing.assert_allclose(result.boxes, GOLDEN[f"{kept}/boxes"], rtol=0, atol=2e-3)
    np.testing.assert_allclose(result.keypoints, GOLDEN[f"{kept}/kpts"], rtol=0, atol=2e-3)


@pytest.mark.parametrize("case", CASES)
def test_a_keypoint_that_leaves_the_picture_is_unlabelled_as_recorded(case):
    visible = GOLDEN[f"{case}/kpt_out"][..., 2][GOLDEN[f"{case}/segs/cls_kept"].astype(int)]
    np.testing.assert_array_equal(GOLDEN[f"{case}/segs/kpts"][..., 2], visible)
    matrix = GOLDEN[f"{case}/M"].astype(np.float64)
    np.testing.assert_array_equal(warp_sample(recorded_sample(outlines=True), matrix, (SIDE, SIDE)).keypoints[..., 2],
                                  visible)  # fmt: skip


@given(samples(), st.integers(0, 2**32))
def test_whatever_the_map_the_result_is_well_formed(sample, seed):
    drawn = draw_affine(wild_settings(), np.random.default_rng(seed))
    result = warp_sample(sample, affine_matrix(drawn, sample.size, (48, 64)), (48, 64), zoom=drawn.zoom)
    assert result.size == (48, 64)
    assert_well_formed(result)


@given(st.integers(0, 2**32))
def test_a_map_and_its_inverse_lead_back(seed):
    drawn = draw_affine(wild_settings(), np.random.default_rng(seed))
    matrix = affine_matrix(drawn, (64, 80), (3000, 3000))
    rows = np.random.default_rng(seed).uniform(0, 64, (2, 50))
    back = warp_points(warp_points(rows, matrix), np.linalg.inv(matrix))
    np.testing.assert_allclose(back, rows, rtol=0, atol=1e-6)


@given(samples(), st.floats(-180, 180), st.floats(1, 3))
def test_objects_that_stay_inside_come_back_by_the_inverse(sample, angle, zoom):
    size = (1000, 1000)  # room for all of the picture
    parameters = AffineParameters(angle=angle, zoom=zoom)
    matrix = affine_matrix(parameters, sample.size, size)
    there = warp_sample(sample, matrix, size, zoom=zoom)
    back = move_objects(there, lambda rows: warp_points(rows, np.linalg.inv(matrix)))
    if sample.keypoints is not None:
        np.testing.assert_allclose(back.keypoints, sample.keypoints, rtol=0, atol=2e-3)
    for one, other in zip(back.polygons or (), sample.polygons or (), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-3)


def test_a_picture_without_a_change_is_the_same_and_not_copied():
    sample = made_sample(0)
    result = warp_sample(sample, np.eye(3), sample.size)
    assert result.image is sample.image
    assert_same_objects(result, sample, within=1e-3)


@pytest.mark.parametrize("perspective", [0.0, 0.0005])
def test_the_pixels_under_keypoints_move_with_them(perspective):
    places = np.array([(60, 60), (140, 70), (100, 150), (70, 120), (130, 130)], np.float32)
    image = np.zeros((200, 200, 3), np.uint8)
    for number, (x, y) in enumerate(places.tolist()):
        cv2.circle(image, (int(x), int(y)), 4, (50 + 40 * number,) * 3, -1)
    keypoints = np.concatenate((places, np.full((5, 1), 2)), 1)[None].astype(np.float32)
    box = np.array([(50, 50, 150, 160)], np.float32)
    sample = Sample(image=image, boxes=box, classes=np.zeros(1, np.int64), keypoints=keypoints)
    parameters = AffineParameters(angle=30, zoom=1.2, shear=(5, -3), perspective=(perspective, -perspective))
    result = warp_sample(sample, affine_matrix(parameters, (200, 200), (300, 280)), (300, 280), zoom=1.2)
    for number, (x, y, visible) in enumerate(result.keypoints[0].tolist()):
        assert visible == 2
        assert result.image[round(y), round(x), 0] == 50 + 40 * number
    assert len(result.keypoints[0]) == SCHEMA.count


def test_what_the_picture_does_not_cover_is_grey():
    image = warp_picture(
        np.zeros((10, 10, 3), np.uint8), affine_matrix(AffineParameters(), (10, 10), (30, 30)), (30, 30)
    )
    assert (image[:8] == 114).all()
    assert (image[12:18, 12:18] == 0).all()


def test_what_lies_behind_the_horizon_is_left_out():
    keypoints = np.array([[(110, 55, 2), (52, 52, 2)]], np.float32)
    sample = Sample(
        image=np.zeros((100, 200, 3), np.uint8),
        boxes=np.array([(100, 50, 190, 90), (10, 10, 90, 90)], np.float32),
        classes=np.array([0, 1]),
        keypoints=np.concatenate((keypoints, keypoints)),
    )
    matrix = np.array(((1, 0, 0), (0, 1, 0), (-0.01, 0, 1.0)))  # the horizon is at x = 100
    result = warp_sample(sample, matrix, (400, 400))
    assert result.classes.tolist() == [1]
    assert result.keypoints[0, :, 2].tolist() == [0, 2]
    assert_well_formed(result)


FLIPS = [flip_left_right, flip_up_down]


@pytest.mark.parametrize(("flip", "case"), [(flip_left_right, "flip_horizontal"), (flip_up_down, "flip_vertical")])
def test_recorded_objects_are_mirrored_as_recorded(flip, case):
    sample = Sample(
        image=np.zeros((320, 320, 3), np.uint8),
        boxes=GOLDEN["persp_box_in"].clip(0, 320),  # recorded after a cut to the picture
        classes=np.arange(9),
        keypoints=GOLDEN["persp_kpt_in"],
        polygons=tuple(GOLDEN["persp_seg_in"]),
    )
    flipped = flip(sample, tuple(GOLDEN["flip_idx"].tolist()))
    near, far = flipped.boxes[:, :2], flipped.boxes[:, 2:]
    np.testing.assert_allclose(
        np.concatenate(((near + far) / 2, far - near), 1), GOLDEN[f"{case}/box_xywh"], rtol=0, atol=2e-3
    )
    np.testing.assert_allclose(flipped.keypoints, GOLDEN[f"{case}/kpt"], rtol=0, atol=2e-3)
    np.testing.assert_allclose(np.stack(flipped.polygons), GOLDEN[f"{case}/seg"], rtol=0, atol=2e-3)


@pytest.mark.parametrize("flip", FLIPS)
@given(sample=samples())
def test_twice_is_as_before(flip, sample):
    twice = flip(flip(sample, SCHEMA.flip_idx), SCHEMA.flip_idx)
    np.testing.assert_array_equal(twice.image, sample.image)
    assert_same_objects(twice, sample, within=1e-4)


@given(samples())
def test_left_stays_left(sample):
    flipped = flip_left_right(sample, SCHEMA.flip_idx)
    if sample.keypoints is None:
        return
    for number, name in enumerate(SCHEMA.names):
        side = {"left": "right", "right": "left"}.get(name.split("_")[0])
        counterpart = SCHEMA.names.index(name.replace(name.split("_")[0], side)) if side else number
        mirrored = sample.keypoints[:, counterpart] * (-1, 1, 1) + (sample.size[1], 0, 0)
        np.testing.assert_allclose(flipped.keypoints[:, number], mirrored, atol=1e-4)


@pytest.mark.parametrize("flip", FLIPS)
@given(sample=samples())
def test_mirrored_samples_are_well_formed(flip, sample):
    height, width = sample.size
    inside = replace(sample, boxes=sample.boxes.clip(0, (width, height, width, height)))
    if inside.polygons is None:
        assert_well_formed(flip(inside, SCHEMA.flip_idx))


@pytest.mark.parametrize("flip", FLIPS)
def test_without_a_flip_map_keypoints_are_not_mirrored_but_boxes_are(flip):
    with pytest.raises(SchemaError, match="without a flip map"):
        flip(made_sample(0), None)
    assert len(flip(made_sample(0, keypoints=False), None).boxes) == 3


CROPS = Crops(shorter_sides=(400, 500, 600), lengths=(384, 600))
SIZES = st.tuples(st.integers(60, 900), st.integers(60, 900))


def person(size):
    """Return a picture (h, w) of a white rectangle on black, labelled with its box and two corners."""
    height, width = size
    left, top, right, bottom = width // 4, height // 3, width // 2, 3 * height // 4
    image = np.zeros((height, width, 3), np.uint8)
    image[top:bottom, left:right] = 255
    return Sample(
        image=image,
        boxes=np.array([[left, top, right, bottom]], np.float32),
        classes=np.zeros(1, np.int64),
        keypoints=np.array([[[left, top, 2], [right, bottom, 1]]], np.float32),
    )


def edges(image):
    """Return left, top, right, bottom of what is white."""
    rows, columns = np.nonzero(image[..., 0].max(1) > 127)[0], np.nonzero(image[..., 0].max(0) > 127)[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@settings(max_examples=30)
@given(SIZES)
def test_a_whole_picture_fills_the_square_and_objects_stay_on_what_they_label(size):
    sample = person(size)
    made = Stretch(side=96, crops=CROPS, probability=0.0)(sample, np.random.default_rng(0))
    assert made.image.shape == (96, 96, 3)
    np.testing.assert_allclose(made.boxes[0], edges(made.image), atol=1.01)
    np.testing.assert_allclose(made.keypoints[0, :, :2].ravel(), made.boxes[0], atol=1e-4)
    np.testing.assert_allclose(made.boxes[0] / 96, sample.boxes[0] / np.array(size[::-1] * 2), atol=1e-5)
    assert made.keypoints[0, :, 2].tolist() == [2, 1]


@settings(max_examples=60)
@given(SIZES, st.integers(0, 1000))
def test_regions_lie_in_the_picture_and_have_the_sides_of_the_resized_one(size, seed):
    region = draw_region(CROPS, size, np.random.default_rng(seed))
    assert 0 <= region.left <= size[1] - region.width
    assert 0 <= region.top <= size[0] - region.height
    smallest = min(size) * 384 / 600
    for length, whole in ((region.height, size[0]), (region.width, size[1])):
        assert length == whole or length >= smallest - 1
        assert length <= min(size) * 600 / 400 + 1


def test_points_outside_a_crop_are_unlabelled_and_objects_outside_are_left_out():
    sample = person((120, 160))  # the box is 40 to 80, 40 to 90
    made = stretch_region(sample, Region(left=50, top=30, width=60, height=40), 120)
    assert made.keypoints[0, :, 2].tolist() == [0, 0]
    np.testing.assert_allclose(made.boxes, [[0, 30, 60, 120]])
    assert len(stretch_region(sample, Region(left=100, top=0, width=60, height=120), 120).boxes) == 0


def test_about_as_many_pictures_are_cropped_as_asked_for():
    sample = person((500, 700))
    stretch = Stretch(side=64, crops=CROPS, probability=0.5)
    generator = np.random.default_rng(3)
    whole = stretch_region(sample, Region(left=0, top=0, width=700, height=500), 64).boxes
    boxes = [stretch(sample, generator).boxes for _ in range(200)]
    cropped = sum(not np.array_equal(found, whole) for found in boxes)
    assert 70 < cropped < 130


GAIN = st.floats(-1, 1)


def test_recorded_gains_give_the_recorded_colours():
    gains = GOLDEN["hsv/uniform_draws"] * GOLDEN["hsv/gains"]
    changed = shift_colours(GOLDEN["hsv/in_bgr"], tuple(gains.tolist()))
    difference = np.abs(changed.astype(int) - GOLDEN["hsv/out_bgr"])
    assert difference.max() <= 2
    assert np.mean(difference > 1) <= 0.02


@given(samples(), GAIN, GAIN, GAIN)
def test_colour_changes_move_nothing_and_write_to_nothing(sample, hue, saturation, value):
    before = sample.image.copy()
    changed = change_colours(sample, (hue, saturation, value))
    assert_same_objects(changed, sample)
    assert changed.size == sample.size
    np.testing.assert_array_equal(sample.image, before)


def test_no_gain_changes_nothing():
    sample = made_sample(0)
    assert change_colours(sample, (0.0, 0.0, 0.0)) is sample


def test_grey_stays_grey_and_no_value_is_black():
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    changed = shift_colours(grey, (0.3, 1.0, 0.0))
    np.testing.assert_array_equal(changed, grey)
    assert not shift_colours(grey, (0.0, 0.0, -1.0)).any()


def test_gains_stay_within_the_settings():
    settings = AugmentationSettings(hsv_h=0.1, hsv_s=0.2, hsv_v=0.3)
    gains = np.array([draw_colour_gains(settings, np.random.default_rng(seed)) for seed in range(200)])
    assert (np.abs(gains).max(0) <= (0.1, 0.2, 0.3)).all()
    assert (np.abs(gains).max(0) > (0.08, 0.16, 0.24)).all()
