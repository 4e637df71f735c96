"""Targets of one picture and of batches: as recorded, in fractions, with masks at the reduced size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from augment.made_samples import ellipse, made_sample, samples
from posekit.augment.format import MaskForm, collate, format_sample
from posekit.augment.objects import cut_objects
from posekit.errors import ShapeError
from posekit.ops.polygons import separate_masks
from posekit.sample import Sample

FORMAT = np.load(Path(__file__).parents[1] / "golden" / "train" / "data_format.npz")


def recorded_sample():
    return Sample(
        image=np.zeros((64, 64, 3), np.uint8),
        boxes=FORMAT["format_in/box"],
        classes=FORMAT["format_overlap0/cls"].ravel().astype(np.int64),
        keypoints=FORMAT["format_in/kpt"],
        polygons=tuple(FORMAT["format_in/seg"]),
    )


@pytest.mark.parametrize("overlap", [False, True])
def test_a_recorded_sample_becomes_the_recorded_targets(overlap):
    made = format_sample(recorded_sample(), masks=MaskForm(overlap=overlap, ratio=4))
    case = f"format_overlap{int(overlap)}"
    np.testing.assert_array_equal(made.sample.classes, FORMAT[f"{case}/cls"].ravel())
    np.testing.assert_allclose(made.boxes, FORMAT[f"{case}/bboxes"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(made.keypoints, FORMAT[f"{case}/keypoints"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(made.masks, FORMAT[f"{case}/masks"])
    assert made.masks.dtype == np.uint8
    covered = FORMAT["format_overlap1/masks"][0] > 0
    np.testing.assert_array_equal(made.semantic[covered], FORMAT[f"{case}/sem_masks"][covered])
    assert not made.semantic[~covered].any()


@given(samples(size=(64, 96)), st.sampled_from([1, 2, 3, 4, 5, 8]))
def test_masks_are_those_that_drawing_on_the_whole_picture_gives(sample, ratio):
    sample = cut_objects(sample, (0, 0, 96, 64))
    made = format_sample(sample, masks=MaskForm(overlap=False, ratio=ratio))
    polygons = sample.polygons or [np.zeros((0, 2), np.float32)] * len(sample.boxes)
    expected = separate_masks(polygons, (64, 96), (64 // ratio, 96 // ratio))
    np.testing.assert_array_equal(made.masks, expected)


@given(samples(size=(64, 64)))
def test_the_index_map_is_of_the_order_of_the_objects(sample):
    made = format_sample(sample, masks=MaskForm(ratio=2))
    areas = [np.sum(made.masks == number) for number in range(1, len(sample.boxes) + 1)]
    separate = format_sample(made.sample, masks=MaskForm(overlap=False, ratio=2)).masks.astype(bool)
    assert (np.diff(separate.sum((1, 2))) <= 0).all()  # from the largest to the smallest
    for number, (mask, area) in enumerate(zip(separate, areas, strict=True), start=1):
        owned = made.masks[0] == number
        assert owned.sum() == area <= mask.sum()
        assert not (owned & ~mask).any()
        assert (made.semantic[owned] == made.sample.classes[number - 1]).all()


def test_more_objects_than_a_byte_counts_have_numbers_of_their_own():
    boxes = np.array([(x, y, x + 4, y + 4) for y in range(0, 120, 6) for x in range(0, 120, 6)], np.float32)
    sample = Sample(
        image=np.zeros((120, 120, 3), np.uint8),
        boxes=boxes,
        classes=np.zeros(len(boxes), np.int64),
        polygons=tuple(ellipse(box) for box in boxes),
    )
    made = format_sample(sample, masks=MaskForm(ratio=1))
    assert made.masks.dtype == np.int32
    assert set(np.unique(made.masks)) == set(range(401))


@pytest.mark.parametrize(("overlap", "planes"), [(True, 1), (False, 0)])
def test_a_picture_without_objects_has_empty_targets(overlap, planes):
    made = format_sample(made_sample(0, (64, 64), 0), masks=MaskForm(overlap=overlap))
    assert made.boxes.shape == (0, 4)
    assert made.keypoints.shape == (0, 5, 3)
    assert made.masks.shape == (planes, 16, 16)
    assert not made.masks.any()
    assert made.semantic.shape == (16, 16)


def test_planes_are_rgb_or_swapped():
    sample = made_sample(0)
    np.testing.assert_array_equal(format_sample(sample).image, sample.image.transpose(2, 0, 1)[::-1])
    np.testing.assert_array_equal(format_sample(sample, swap_colours=True).image, sample.image.transpose(2, 0, 1))


def test_without_a_form_no_mask_is_drawn_and_the_order_stays():
    sample = made_sample(0)
    made = format_sample(sample)
    assert made.masks is None
    assert made.semantic is None
    assert made.sample is sample


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
