"""Auxiliary loss term of YOLO26 segmentation: the class of every pixel."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from posekit.models.yolo.losses.instance_masks import resize_nearest
from posekit.models.yolo.losses.matched import Matched


def semantic_term(matched: Matched) -> Tensor:
    """Return the loss of the semantic logits; 0 for heads without, outside training, and without positives."""
    logits, classes = matched.raw.get("semseg"), matched.objects.semantic
    if logits is None or classes is None or len(matched.positives) == 0:
        connected = matched.raw["scores"] if logits is None else logits
        return connected.flatten()[:0].sum()
    size = (logits.shape[2], logits.shape[3])
    covered = matched.objects.require_masks().covered()
    return semantic_loss(logits, semantic_target(resize_nearest(classes, size), resize_nearest(covered, size), logits))


def semantic_target(classes: Tensor, covered: Tensor, logits: Tensor) -> Tensor:
    """Return one-hot classes like logits (B, nc, h, w), zero where nothing is covered.

    Args:
        classes: (B, h, w) class of each pixel.
        covered: (B, h, w) bool, where there is an object.
        logits: (B, nc, h, w), for number of classes and type.
    """
    known = (classes * covered).long()
    return (one_hot(known, logits.shape[1]).permute(0, 3, 1, 2) * covered[:, None]).to(logits)


def semantic_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean of cross-entropy and Dice loss of logits with a target, both (B, nc, h, w)."""
    probabilities = logits.sigmoid()
    shared = (probabilities * target).sum((2, 3))
    dice = 1 - (2 * shared + 1) / (probabilities.sum((2, 3)) + target.sum((2, 3)) + 1)
    return (binary_cross_entropy_with_logits(logits, target) + dice.mean()) / 2
