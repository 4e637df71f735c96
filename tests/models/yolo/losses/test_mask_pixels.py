import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.models.yolo.losses.objects import MaskPixels
from posekit.ops.masks import crop_masks

EDGES = st.floats(-5, 25, width=32) | st.integers(-2, 15).map(float)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(EDGES, EDGES, EDGES, EDGES), max_size=4))
def test_they_are_the_pixels_that_cropping_keeps(corners):
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
