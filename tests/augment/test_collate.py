"""Batches hold the objects of their pictures, those of one together."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import made_sample
from posekit.augment.format import MaskForm, collate, format_sample
from posekit.errors import ShapeError


def formatted(counts, form=None):
    return [format_sample(made_sample(seed, (64, 96), count), masks=form) for seed, count in enumerate(counts)]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_objects_come_in_the_order_of_the_pictures(counts):
    made = formatted(counts)
    batch = collate(made)
    assert batch.images.shape == (len(counts), 3, 64, 96)
    assert batch.images.dtype == torch.uint8
    assert batch.targets.pictures.tolist() == np.repeat(np.arange(len(counts)), counts).tolist()
    for number, one in enumerate(made):
        of_picture = batch.targets.pictures == number
        np.testing.assert_array_equal(batch.targets.boxes[of_picture], one.boxes)
        np.testing.assert_array_equal(batch.targets.keypoints[of_picture], one.keypoints)
        np.testing.assert_array_equal(batch.targets.classes[of_picture], one.sample.classes)
        np.testing.assert_array_equal(batch.images[number], one.image)
    assert batch.letterboxes == []
    assert [sample.path for sample in batch.samples] == [f"{number}.png" for number in range(len(counts))]


def test_types_are_those_of_targets():
    targets = collate(formatted([2, 0], MaskForm())).targets
    assert targets.pictures.dtype == targets.classes.dtype == torch.int64
    assert targets.boxes.dtype == targets.keypoints.dtype == targets.semantic.dtype == torch.float32


@pytest.mark.parametrize(("overlap", "shape"), [(True, (3, 16, 24)), (False, (6, 16, 24))])
def test_masks_are_joined_by_picture_or_by_object(overlap, shape):
    targets = collate(formatted([2, 0, 4], MaskForm(overlap=overlap))).targets
    assert targets.masks.shape == shape
    assert targets.overlap is overlap
    assert targets.semantic.shape == (3, 16, 24)


@pytest.mark.parametrize("overlap", [True, False])
def test_targets_say_which_objects_have_an_outline(overlap):
    samples = [made_sample(seed, (64, 96), 3) for seed in range(2)]
    polygons = (samples[0].polygons[0], np.zeros((0, 2), np.float32), samples[0].polygons[2])
    samples = [replace(samples[0], polygons=polygons), replace(samples[1], polygons=None)]
    made = [format_sample(sample, masks=MaskForm(overlap=overlap)) for sample in samples]
    targets = collate(made).targets
    known = [len(polygon) > 0 for polygon in made[0].sample.polygons]
    assert sum(known) == 2
    assert targets.outlined.tolist() == [*known, False, False, False]


def test_what_no_picture_has_is_none():
    plain = [format_sample(made_sample(0, keypoints=False, outlines=False))]
    targets = collate(plain).targets
    assert targets.keypoints is targets.masks is targets.semantic is targets.outlined is None


def test_batches_that_do_not_fit_together_are_refused():
    with pytest.raises(ShapeError, match="at least one picture"):
        collate([])
    with pytest.raises(ShapeError, match=r"one size, but they have \[\(64, 64\), \(64, 80\)\] pixels"):
        collate([format_sample(made_sample(0, (64, 80))), format_sample(made_sample(1, (64, 64)))])
    with pytest.raises(ShapeError, match="1 of 2 pictures of a batch have keypoints: all must have some, or none"):
        collate([format_sample(made_sample(0)), format_sample(made_sample(1, keypoints=False))])
