"""Rows are chosen and joined with all their parts; cutting keeps labels honest."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from augment.made_samples import GOLDEN, assert_same_objects, assert_well_formed, made_sample, samples
from posekit.augment.objects import cut_objects, join_objects, select_objects


def test_recorded_boxes_and_keypoints_are_cut_as_recorded():
    sample = replace(
        made_sample(0, (180, 200), 9),
        boxes=GOLDEN["persp_box_in"],
        keypoints=GOLDEN["persp_kpt_in"],
        polygons=None,
    )
    cut = cut_objects(sample, (0, 0, 200, 180))
    np.testing.assert_array_equal(cut.boxes, GOLDEN["clip_w200_h180/box"])
    np.testing.assert_array_equal(cut.keypoints, GOLDEN["clip_w200_h180/kpt"])


@given(samples())
def test_cut_objects_are_well_formed(sample):
    height, width = sample.size
    cut = cut_objects(sample, (width // 4, height // 4, width // 2, height // 2))
    assert_well_formed(cut)
    assert (cut.boxes >= (width // 4, height // 4) * 2).all()


@given(samples(), samples())
def test_joined_objects_come_apart_again(first, second):
    joined = join_objects(first.image, (first, second))
    count = len(first.boxes)
    for part, sample in ((slice(count), first), (slice(count, None), second)):
        chosen = select_objects(joined, np.arange(len(joined.boxes))[part])
        np.testing.assert_array_equal(chosen.boxes, sample.boxes)
        np.testing.assert_array_equal(chosen.classes, sample.classes)
        if sample.keypoints is not None:
            np.testing.assert_array_equal(chosen.keypoints, sample.keypoints)
        elif chosen.keypoints is not None:
            assert not chosen.keypoints.any()  # unlabelled
        assert list(map(len, chosen.polygons or ())) == (
            list(map(len, sample.polygons)) if sample.polygons is not None else [0] * len(chosen.polygons or ())
        )


@pytest.mark.parametrize("chosen", [np.array([True, False, True]), np.array([0, 2])])
def test_objects_are_chosen_by_flags_or_numbers(chosen):
    sample = made_sample(3)
    result = select_objects(sample, chosen)
    np.testing.assert_array_equal(result.boxes, sample.boxes[[0, 2]])
    assert result.polygons == (sample.polygons[0], sample.polygons[2])
    assert_same_objects(select_objects(result, np.array([1, 0])), select_objects(sample, np.array([2, 0])))
