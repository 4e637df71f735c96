"""Pictures and objects move together, as recorded; there and back again is the same place."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import GOLDEN, SCHEMA, assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.objects import move_objects
from posekit.augment.warps import AffineParameters, affine_matrix, draw_affine, warp_picture, warp_points, warp_sample
from posekit.config.settings import AugmentationSettings
from posekit.sample import Sample

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
