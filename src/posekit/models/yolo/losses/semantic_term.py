"""Auxiliary loss term of YOLO26 segmentation: the class of every pixel."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from posekit.models.yolo.losses.instance_masks import resize_nearest
from posekit.models.yolo.losses.matched import Matched
from posekit.models.yolo.losses.objects import Objects

EPS = 1e-9


def semantic_term(matched: Matched) -> Tensor:
    """Return the loss of the semantic logits; 0 for heads without, outside training, and without positives."""
    logits, classes = matched.raw.get("semseg"), matched.objects.semantic
    if logits is None or classes is None or len(matched.positives) == 0:
        connected = matched.raw["scores"] if logits is None else logits
        return connected.flatten()[:0].sum()
    size = (logits.shape[2], logits.shape[3])
    covered = resize_nearest(matched.objects.require_masks().covered(), size)
    target = semantic_target(resize_nearest(classes, size), covered, logits)
    return semantic_loss(logits, target, known_pixels(matched.objects, covered, matched.grid.size))


def semantic_target(classes: Tensor, covered: Tensor, logits: Tensor) -> Tensor:
    """Return one-hot classes like logits (B, nc, h, w), zero where nothing is covered.

    Args:
        classes: (B, h, w) class of each pixel.
        covered: (B, h, w) bool, where there is an object.
        logits: (B, nc, h, w), for number of classes and type.
    """
    known = (classes * covered).long()
    return (one_hot(known, logits.shape[1]).permute(0, 3, 1, 2) * covered[:, None]).to(logits)


def known_pixels(objects: Objects, covered: Tensor, size: tuple[float, float]) -> Tensor | None:
    """Return where the classes of pixels are known: not inside boxes of objects whose mask nobody knows.

    Args:
        objects: the objects.
        covered: (B, h, w) bool, where there is a known mask.
        size: (H, W) of the network input in pixels.

    Returns:
        (B, h, w) bool; None when all are known.
    """
    if objects.outlined is None or bool((objects.outlined | ~objects.valid).all()):
        return None
    height, width = covered.shape[1:]
    boxes = objects.boxes * objects.boxes.new_tensor((width / size[1], height / size[0])).repeat(2)
    near_x, near_y, far_x, far_y = (edge[:, :, None] for edge in boxes.unbind(2))  # (B, M, 1)
    x = torch.arange(width, device=boxes.device) + 0.5
    y = torch.arange(height, device=boxes.device) + 0.5
    unknown = (objects.valid & ~objects.outlined)[:, :, None]
    columns, rows = (x > near_x) & (x < far_x) & unknown, (y > near_y) & (y < far_y)
    hidden = (rows[:, :, :, None] & columns[:, :, None]).any(1)
    return covered | ~hidden


def semantic_loss(logits: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Return the mean of cross-entropy and Dice loss of logits with a target, both (B, nc, h, w).

    Args:
        logits: of each class and pixel.
        target: 0 or 1.
        known: (B, h, w) bool, the pixels that count; None for all.
    """
    probabilities = logits.sigmoid()
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    share = entropy.new_tensor(1.0)
    if known is not None:
        counting = known[:, None].to(logits)
        probabilities, target, entropy = probabilities * counting, target * counting, entropy * counting
        share = counting.mean()
    shared = (probabilities * target).sum((2, 3))
    dice = 1 - (2 * shared + 1) / (probabilities.sum((2, 3)) + target.sum((2, 3)) + 1)
    return (entropy.mean() / share.clamp(min=EPS) + dice.mean()) / 2
