"""Objects are pasted along their outlines where they hide little; left stays left in mirror images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import SCHEMA, assert_same_objects, assert_well_formed, ellipse, made_sample, samples
from posekit.augment.mixing import paste_mirrored, paste_objects
from posekit.augment.objects import cut_objects
from posekit.errors import ShapeError
from posekit.sample import Sample

SIZE = (64, 80)


def boxed(*boxes, seed=0, outlines=True):
    """Return a noisy sample with an ellipse in each box, its classes numbered."""
    rng = np.random.default_rng(seed)
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(
        image=rng.integers(0, 256, (*SIZE, 3), np.uint8),
        boxes=corners,
        classes=np.arange(len(corners)),
        keypoints=np.full((len(corners), 5, 3), 1, np.float32),
        polygons=tuple(ellipse(box) for box in corners) if outlines else None,
    )


def test_a_mirror_image_lands_at_the_mirrored_place_with_left_still_left():
    sample = boxed((5, 10, 25, 50))
    sample.keypoints[0] = [(15, 12, 2), (22, 20, 2), (8, 20, 1), (20, 45, 2), (9, 45, 0)]
    result = paste_mirrored(sample, 1.0, SCHEMA.flip_idx)
    np.testing.assert_allclose(result.boxes, [(5, 10, 25, 50), (55, 10, 75, 50)])
    mirrored = [(65, 12, 2), (72, 20, 1), (58, 20, 2), (71, 45, 0), (60, 45, 2)]
    np.testing.assert_allclose(result.keypoints[1], mirrored)
    np.testing.assert_array_equal(result.image[30, 60:70], sample.image[30, ::-1][60:70])
    np.testing.assert_array_equal(result.image[11, 73], sample.image[11, 73])  # outside the ellipse


@given(samples(size=SIZE), st.floats(0, 1))
def test_the_result_is_well_formed_and_begins_with_the_own_objects(sample, share):
    result = paste_mirrored(sample, share, SCHEMA.flip_idx)
    assert_well_formed(cut_objects(result, (0, 0, 80, 64)))
    np.testing.assert_array_equal(result.boxes[: len(sample.boxes)], sample.boxes)


def test_objects_that_would_hide_three_tenths_of_another_are_not_pasted():
    base = boxed((0, 0, 20, 20))
    hiding, sparing = (14, 0, 34, 20), (15, 0, 35, 20)  # 30 % and 25 % of the box
    result = paste_objects(base, boxed(hiding, sparing, seed=1), 1.0)
    np.testing.assert_array_equal(result.boxes[1:], [sparing])


def test_the_share_takes_those_that_hide_least_first():
    base = boxed((0, 0, 20, 20))
    source = boxed((16, 0, 36, 20), (40, 0, 60, 20), (18, 30, 38, 50), (19, 0, 39, 20), seed=1)
    assert paste_objects(base, source, 0.5).classes.tolist() == [0, 1, 2]
    assert paste_objects(base, source, 0.0) is base


def test_objects_without_outlines_are_not_pasted():
    base = boxed((0, 0, 20, 20))
    assert_same_objects(paste_objects(base, boxed((40, 0, 60, 20), outlines=False), 1.0), base)
    partly = boxed((40, 0, 60, 20), (40, 30, 60, 50))
    partly.polygons = (np.zeros((0, 2), np.float32), partly.polygons[1])
    np.testing.assert_array_equal(paste_objects(base, partly, 1.0).boxes[1:], [(40, 30, 60, 50)])


def test_the_source_picture_and_the_own_picture_are_not_written_to():
    base, source = boxed((0, 0, 20, 20)), boxed((40, 0, 60, 20), seed=1)
    before = base.image.copy(), source.image.copy()
    paste_objects(base, source, 1.0)
    np.testing.assert_array_equal((base.image, source.image), before)


def test_pictures_of_different_sizes_are_refused():
    with pytest.raises(ShapeError, match="CopyPaste joins pictures of one size"):
        paste_objects(made_sample(0, (32, 32)), made_sample(1, (32, 40)), 1.0)
