"""Objects of a batch in slots, and their masks in both forms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import ShapeError
from posekit.models.yolo.losses.objects import IndexMaps, MaskPixels, MaskStack, pack_objects, resize_nearest
from posekit.ops.masks import crop_masks
from posekit.sample import Targets


def targets(pictures, **more):
    count = len(pictures)
    return Targets(
        pictures=torch.tensor(pictures, dtype=torch.int64),
        classes=torch.arange(count),
        boxes=torch.tensor([[0.5, 0.5, 0.2, 0.4]]).repeat(count, 1),
        **more,
    )


def test_objects_fill_the_slots_of_their_picture_in_their_order():
    packed = pack_objects(targets([0, 0, 2, 2, 2]), 4, (100.0, 200.0), torch.float32)
    assert packed.labels.tolist() == [[0, 1, 0], [0, 0, 0], [2, 3, 4], [0, 0, 0]]
    assert packed.valid.sum(1).tolist() == [2, 0, 3, 0]
    torch.testing.assert_close(packed.boxes[2, 1], torch.tensor([80.0, 30.0, 120.0, 70.0]))
    assert packed.boxes[1].abs().sum() == 0


def test_objects_need_not_come_sorted():
    packed = pack_objects(targets([1, 0, 1, 0]), 2, (64.0, 64.0), torch.float32)
    assert packed.labels.tolist() == [[1, 3], [0, 2]]


def test_keypoints_go_to_pixels_and_keep_their_visibility():
    keypoints = torch.tensor([[[0.5, 0.25, 2.0], [0.0, 0.0, 0.0]]])
    packed = pack_objects(targets([1], keypoints=keypoints), 2, (100.0, 200.0), torch.float32)
    assert packed.require_keypoints()[1, 0].tolist() == [[100.0, 25.0, 2.0], [0.0, 0.0, 0.0]]


def test_a_batch_without_objects_has_no_slots():
    packed = pack_objects(targets([]), 3, (64.0, 64.0), torch.float32)
    assert packed.labels.shape == packed.valid.shape == (3, 0)
    assert packed.boxes.shape == (3, 0, 4)


def test_an_object_of_no_extent_at_the_origin_is_none():
    nowhere = Targets(pictures=torch.tensor([0]), classes=torch.tensor([0]), boxes=torch.zeros(1, 4))
    assert not pack_objects(nowhere, 1, (64.0, 64.0), torch.float32).valid.any()


def test_missing_keypoints_and_masks_are_named():
    packed = pack_objects(targets([0]), 1, (64.0, 64.0), torch.float32)
    with pytest.raises(ShapeError, match="targets with keypoints"):
        packed.require_keypoints()
    with pytest.raises(ShapeError, match="targets with masks"):
        packed.require_masks()


# Two pictures of 4x6; three objects: two in the second picture, one in the first.
MAPS = torch.zeros(2, 4, 6)
MAPS[0, 1:3, 1:5] = 1
MAPS[1, :2, :3] = 1
MAPS[1, 2:, 3:] = 2
STACK = torch.stack((MAPS[0] == 1, MAPS[1] == 1, MAPS[1] == 2)).float()
INDEXED = IndexMaps(maps=MAPS, slots=2)
STACKED = MaskStack(stack=STACK, rows=torch.tensor([[0, 0], [1, 2]]), valid=torch.tensor([[True, False], [True, True]]))
both = pytest.mark.parametrize("masks", [INDEXED, STACKED], ids=["maps", "stack"])


@both
def test_areas_count_pixels(masks):
    assert masks.areas().tolist() == [[8, 0], [6, 6]]


@both
def test_covered_is_where_any_object_is(masks):
    assert torch.equal(masks.covered(), MAPS > 0)


@both
def test_pixels_are_looked_up_in_the_object_asked_for(masks):
    whole = MaskPixels.inside(torch.tensor([[0.0, 0.0, 6.0, 4.0]] * 2), (4, 6))
    found = masks.at(1, torch.tensor([1, 0]), whole).view(2, 4, 6)
    assert torch.equal(found, torch.stack((MAPS[1] == 2, MAPS[1] == 1)))


@both
def test_some_pictures_can_be_taken(masks):
    second = masks.take(slice(1, 2))
    assert second.areas().tolist() == [[6, 6]]
    assert torch.equal(second.covered(), MAPS[1:] > 0)


@both
def test_resizing_takes_the_nearest_pixel(masks):
    assert masks.resized((2, 3)).areas().tolist() == [[2, 0], [2, 1]]
    assert masks.resized((4, 6)).size == (4, 6)


def test_resizing_keeps_the_type():
    assert resize_nearest(MAPS.to(torch.uint8), (2, 3)).dtype == torch.uint8
    assert resize_nearest(MAPS > 0, (2, 3)).dtype == torch.bool


EDGES = st.floats(-5, 25, width=32) | st.integers(-2, 15).map(float)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(EDGES, EDGES, EDGES, EDGES), max_size=4))
def test_pixels_inside_boxes_are_those_that_cropping_keeps(corners):
    boxes = torch.tensor(corners, dtype=torch.float32).view(-1, 4)
    pixels = MaskPixels.inside(boxes, (9, 12))
    listed = torch.zeros(len(boxes), 9, 12)
    listed.index_put_((pixels.owners, pixels.rows, pixels.columns), torch.tensor(1.0), accumulate=True)
    torch.testing.assert_close(listed, crop_masks(torch.ones(len(boxes), 9, 12), boxes))


def test_boxes_that_are_not_numbers_hold_few_pixels():
    nan, inf = float("nan"), float("inf")
    pixels = MaskPixels.inside(torch.tensor([[nan, nan, nan, nan], [-inf, -inf, inf, inf], [nan, 0, 3, 3]]), (9, 12))
    assert pixels.owners.bincount(minlength=3).tolist() == [0, 9 * 12, 9]


def test_logits_are_the_combined_prototypes_at_the_pixels():
    generator = torch.Generator().manual_seed(0)
    coefficients, prototypes = torch.randn(2, 3, generator=generator), torch.randn(3, 9, 12, generator=generator)
    pixels = MaskPixels.inside(torch.tensor([[1.0, 2.0, 5.0, 4.0], [0.0, 0.0, 12.0, 9.0]]), (9, 12))
    maps = torch.einsum("kc,chw->khw", coefficients, prototypes)
    expected = torch.cat((maps[0, 2:4, 1:5].flatten(), maps[1].flatten()))
    torch.testing.assert_close(pixels.logits(coefficients, prototypes), expected)
