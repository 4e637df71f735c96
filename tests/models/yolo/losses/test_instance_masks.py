"""Both forms of instance masks must say the same of masks that do not overlap."""

import pytest
import torch

from posekit.models.yolo.losses.objects import IndexMaps, MaskPixels, MaskStack, resize_nearest

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
