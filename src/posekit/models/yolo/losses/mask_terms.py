"""Loss term of instance masks."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from posekit.models.yolo.losses.mask_pixels import MaskPixels
from posekit.models.yolo.losses.matched import Matched


def mask_term(matched: Matched) -> Tensor:
    """Return the mean mask loss of the positives of all pictures whose objects have a known mask."""
    masks = matched.objects.require_masks()
    outlined = matched.objects.are_outlined(matched.positives.pictures, matched.positives.slots)
    positives, true_boxes = matched.positives.take(outlined), matched.true_boxes[outlined]
    height, width = matched.grid.size
    to_map = true_boxes.new_tensor((masks.size[1] / width, masks.size[0] / height)).repeat(2)
    near, far = true_boxes.chunk(2, 1)
    areas = (far - near).prod(1) / (width * height)
    coefficients = matched.gather(matched.raw["mask_coefficient"])[outlined]
    prototypes = _at_size(matched.raw["proto"], masks.size)
    counts = positives.pictures.bincount(minlength=len(prototypes)).tolist()
    by_picture = (torch.split(values, counts) for values in (coefficients, true_boxes * to_map, areas))
    slots = torch.split(positives.slots, counts)
    losses = []
    # Unbound at once: the gradient of each picture's part would otherwise be a tensor of the whole batch.
    for picture, (maps, some, boxes, shares) in enumerate(zip(prototypes.unbind(0), *by_picture, strict=True)):
        pixels = MaskPixels.inside(boxes, masks.size)
        true = masks.at(picture, slots[picture], pixels)
        losses.append(mask_loss(pixels.logits(some, maps), true, pixels, shares, masks.size))
    return torch.stack(losses).sum() / max(len(positives), 1)


def mask_loss(logits: Tensor, true: Tensor, pixels: MaskPixels, areas: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the sum of the mask losses of k positives of one picture.

    Each is the cross-entropy inside the true box as a mean over the whole map, divided by the box's share of the
    picture, so that small and large objects count the same.

    Args:
        logits: (T,) of the pixels inside the true boxes.
        true: (T,) bool, whether the pixels belong to the objects.
        pixels: which pixels they are.
        areas: (k,) areas of the true boxes as fractions of the picture.
        size: (h, w) of the map.
    """
    weights = 1 / (areas * (size[0] * size[1]))
    return binary_cross_entropy_with_logits(logits, true.to(logits), weights[pixels.owners], reduction="sum")


def _at_size(prototypes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return prototypes (B, nm, mh, mw) resized bilinearly to (h, w)."""
    if tuple(prototypes.shape[2:]) == size:
        return prototypes
    return interpolate(prototypes, size, mode="bilinear", align_corners=False)
