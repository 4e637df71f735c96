"""Mirror images as recorded; twice is once; left stays left."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from augment.made_samples import GOLDEN, SCHEMA, assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.warps import flip_left_right, flip_up_down
from posekit.errors import SchemaError
from posekit.sample import Sample

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
