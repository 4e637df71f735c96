import torch

from posekit.models.yolo.losses.assign import mask_iou, mask_overlap
from posekit.models.yolo.losses.objects import IndexMaps, MaskPixels, Objects, Pairs, Predictions

# One picture of 32x32 px with prototypes of 8x8, one object on the left half.
MAPS = torch.zeros(1, 8, 8)
MAPS[0, :, :4] = 1
OBJECTS = Objects(
    labels=torch.zeros(1, 1).long(),
    boxes=torch.tensor([[[0.0, 0.0, 16.0, 32.0]]]),
    valid=torch.ones(1, 1).bool(),
    masks=IndexMaps(maps=MAPS, slots=1),
)
PREDICTIONS = Predictions(
    scores=torch.full((1, 1, 3), 0.5),
    boxes=torch.tensor([[[0.0, 0.0, 32.0, 32.0], [0.0, 0.0, 16.0, 16.0], [0.0, 0.0, 32.0, 32.0]]]),
    coefficients=torch.tensor([[[1.0], [1.0], [-1.0]]]),
    prototypes=torch.ones(1, 1, 8, 8),
)
PAIRS = Pairs(pictures=torch.zeros(3).long(), slots=torch.zeros(3).long(), anchors=torch.arange(3))


def test_it_is_the_iou_of_masks_cropped_to_their_boxes():
    found = mask_overlap(PAIRS, torch.tensor([0.3, 0.2, 0.1]), OBJECTS, PREDICTIONS, shortlist=3)
    torch.testing.assert_close(found, torch.tensor([0.5, 0.5, 0.0]))


def test_only_the_most_promising_pairs_are_compared():
    found = mask_overlap(PAIRS, torch.tensor([0.2, 0.3, 0.1]), OBJECTS, PREDICTIONS, shortlist=1)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.5, 0.0]))


def test_masks_without_pixels_have_no_overlap():
    pixels = MaskPixels.inside(torch.zeros(1, 4), (8, 8))
    nothing = torch.zeros(0).bool()
    assert mask_iou(nothing, nothing, pixels, torch.zeros(1).long()).tolist() == [0.0]
