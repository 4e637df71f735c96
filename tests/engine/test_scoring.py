"""What a validation counts, and what it writes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from golden.fill import image
from posekit.engine.scoring import targets_of, truth_of
from posekit.engine.validation_writer import input_pictures, label_names
from posekit.ops.letterbox import Letterbox
from posekit.sample import Sample

SIDES = st.integers(20, 400)


def box_sample(size, original, corners):
    polygon = np.array([corners[:2], (corners[2], corners[1]), corners[2:], (corners[0], corners[3])], np.float32)
    return Sample(
        image=np.zeros((*size, 3), np.uint8),
        original_size=original,
        boxes=np.array([corners], np.float32),
        classes=np.zeros(1, np.int64),
        keypoints=np.array([[(*corners[:2], 2), (*corners[2:], 1)]], np.float32),
        polygons=(polygon,),
    )


@given(SIDES, SIDES, st.floats(0.2, 3))
def test_the_way_into_the_network_and_back_ends_where_it_began(height, width, gain):
    size = (max(round(height * gain), 1), max(round(width * gain), 1))
    box = Letterbox(
        network=(size[0] + 14, size[1] + 6),
        original=(height, width),
        gain=(size[0] / height, size[1] / width),
        pad=(7, 3),
    )
    sample = box_sample(size, (height, width), (0.1 * size[1], 0.2 * size[0], 0.9 * size[1], 0.8 * size[0]))
    truth = truth_of(sample, box, mask_size=None, overlap=True)
    shift = np.array((3, 7, 3, 7))
    np.testing.assert_allclose(truth.boxes, sample.boxes + shift, rtol=1e-5)
    np.testing.assert_allclose(truth.keypoints[0, 0, :2], truth.boxes[0, :2], rtol=1e-5)
    np.testing.assert_array_equal(truth.keypoints[..., 2], [[2, 1]])


def test_objects_without_outline_are_marked_and_stay_so_in_targets():
    sample = box_sample((64, 64), (64, 64), (8, 16, 40, 48))
    both = replace(
        sample,
        boxes=sample.boxes.repeat(2, 0),
        classes=np.array([3, 5]),
        keypoints=sample.keypoints.repeat(2, 0),
        polygons=(np.zeros((0, 2), np.float32), *sample.polygons),
    )
    box = Letterbox(network=(64, 64), original=(64, 64), gain=(1, 1), pad=(0, 0))
    for overlap in (True, False):
        truth = truth_of(both, box, mask_size=(16, 16), overlap=overlap)
        assert truth.outlined[truth.classes == 3].tolist() == [False]
        assert truth.masks.any((1, 2)).tolist() == truth.outlined.tolist()
        targets = targets_of([truth, truth], (64, 64), overlap=overlap)
        assert targets.outlined.tolist() == truth.outlined.tolist() * 2
        assert targets_of([truth_of(both, box, mask_size=None, overlap=True)], (64, 64), overlap=True).outlined is None


def test_masks_cover_their_boxes():
    sample = box_sample((64, 64), (64, 64), (8, 16, 40, 48))
    box = Letterbox(network=(96, 96), original=(64, 64), gain=(1, 1), pad=(16, 16))
    mask = truth_of(sample, box, mask_size=(96, 96), overlap=True).masks[0]
    rows, columns = np.nonzero(mask)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (24, 32, 56, 64)


def test_with_overlap_objects_come_in_falling_area_and_the_small_one_owns_its_pixels():
    small, large = box_sample((64, 64), None, (20, 20, 30, 30)), box_sample((64, 64), None, (10, 10, 50, 50))
    both = Sample(
        image=small.image,
        boxes=np.concatenate((small.boxes, large.boxes)),
        classes=np.array([5, 9]),
        keypoints=np.concatenate((small.keypoints, large.keypoints)),
        polygons=small.polygons + large.polygons,
    )
    box = Letterbox(network=(64, 64), original=(64, 64), gain=(1, 1), pad=(0, 0))
    truth = truth_of(both, box, mask_size=(64, 64), overlap=True)
    assert truth.classes.tolist() == [9, 5]
    np.testing.assert_array_equal(truth.boxes, both.boxes[::-1])
    np.testing.assert_array_equal(truth.keypoints, both.keypoints[::-1])
    assert not (truth.masks[0] & truth.masks[1]).any()
    kept = truth_of(both, box, mask_size=(64, 64), overlap=False)
    assert kept.classes.tolist() == [5, 9]
    assert (kept.masks[0] & kept.masks[1]).any()


def test_sub_folders_are_joined_and_endings_left_away():
    assert label_names(["/d/a/b.c.jpg", "/d/e.png"], Path("/d")) == {"/d/a/b.c.jpg": "a_b.c", "/d/e.png": "e"}


def test_pictures_of_one_stem_get_names_of_their_own():
    pictures = ["/d/a.jpg", "/d/a.png", "/d/b/a.jpg", "/d/b_a.jpg", "/d/a-2.jpg"]
    names = label_names(pictures, Path("/d"))
    assert names["/d/a.png"] == "a-2"
    assert len(set(names.values())) == len(pictures)


def test_a_picture_that_is_named_twice_keeps_its_name():
    assert label_names(["/d/a.jpg", "/d/a.jpg"], Path("/d")) == {"/d/a.jpg": "a"}


def test_bytes_and_fractions_give_the_same_bgr_picture():
    picture = image(48, 64, 0)
    planes = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)))[None]
    for images in (planes, planes.float() / 255, planes.half() / 255):
        (back,) = input_pictures(images)
        np.testing.assert_array_equal(back, picture)
