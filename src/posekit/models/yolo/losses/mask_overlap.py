"""IoU of predicted and true masks for the most promising pairs."""

import torch
from torch import Tensor

from posekit.errors import ShapeError
from posekit.models.yolo.losses.mask_pixels import MaskPixels
from posekit.models.yolo.losses.objects import Objects
from posekit.models.yolo.losses.predictions import Pairs, Predictions

PIXELS_PER_CHUNK = 2**22  # mask pixels held at once: up to 120 MiB with their coordinates
TIE_BREAK = 1e-9  # lifts candidate pairs above all others


def mask_overlap(pairs: Pairs, metric: Tensor, objects: Objects, predictions: Predictions, shortlist: int) -> Tensor:
    """Return the IoU (P,) of predicted and true masks, at the size of the prototypes.

    Args:
        pairs: candidate pairs.
        metric: (P,) how promising each is.
        objects: with masks.
        predictions: with mask coefficients and prototypes.
        shortlist: pairs per object, the most promising, that are compared; the others get 0.
    """
    prototypes = predictions.prototypes
    if predictions.coefficients is None or prototypes is None:
        raise ShapeError("mask overlaps need a head with mask coefficients and prototypes")
    masks = objects.require_masks().resized((prototypes.shape[2], prototypes.shape[3]))
    areas = masks.areas()
    overlap = torch.zeros_like(metric)
    step = max(PIXELS_PER_CHUNK // prototypes[0, 0].numel(), 1)
    rows = _shortlisted(pairs, metric, objects, predictions, shortlist)
    counts = pairs.pictures[rows].bincount(minlength=len(prototypes)).tolist()
    for picture, of_picture in enumerate(torch.split(rows, counts)):
        for some in torch.split(of_picture, step):
            slots, anchors = pairs.slots[some], pairs.anchors[some]
            boxes = predictions.boxes[picture, anchors] / predictions.prototype_stride
            pixels = MaskPixels.inside(boxes, masks.size)
            found = pixels.logits(predictions.coefficients[picture, anchors], prototypes[picture]) > 0
            true = masks.at(picture, slots, pixels)
            overlap[some] = mask_iou(found, true, pixels, areas[picture, slots]).to(overlap)
    return overlap


def mask_iou(found: Tensor, true: Tensor, pixels: MaskPixels, areas: Tensor) -> Tensor:
    """Return the IoU (k,) of k predicted masks with their true ones.

    Args:
        found: (T,) bool, pixels of the predicted masks within their boxes.
        true: (T,) bool, pixels of the true masks within the same boxes.
        pixels: which pixels they are.
        areas: (k,) pixels of the true masks, in and out of the boxes.
    """
    predicted = pixels.owners[found].bincount(minlength=len(areas))
    shared = pixels.owners[found & true].bincount(minlength=len(areas))
    return shared / (predicted + areas - shared).clamp(min=1)


def _shortlisted(pairs: Pairs, metric: Tensor, objects: Objects, predictions: Predictions, shortlist: int) -> Tensor:
    """Return the rows (R,) of the most promising pairs of each object."""
    shape = (*objects.labels.shape, predictions.boxes.shape[1])
    best = pairs.spread(metric + TIE_BREAK, shape).topk(min(shortlist, shape[2]), 2).indices
    listed = torch.zeros(shape, dtype=torch.bool, device=metric.device).scatter_(2, best, True)
    return listed[pairs.pictures, pairs.slots, pairs.anchors].nonzero()[:, 0]
