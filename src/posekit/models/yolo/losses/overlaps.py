"""How well predictions cover objects, as the assigner measures it: one rule per kind of head."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from posekit.errors import ShapeError
from posekit.models.yolo.losses.ciou import complete_iou
from posekit.models.yolo.losses.mask_overlap import mask_overlap
from posekit.models.yolo.losses.objects import Objects
from posekit.models.yolo.losses.predictions import Pairs, Predictions, alignment

AREA_SHARE = 0.53  # of a box that its object covers, on average; the published networks were trained with it


class Overlap(Protocol):
    """A measure of how well predictions cover objects."""

    def __call__(self, pairs: Pairs, objects: Objects, predictions: Predictions) -> Tensor:
        """Return the overlap (P,) in 0 ... 1 of each pair."""
        ...


def box_overlap(pairs: Pairs, objects: Objects, predictions: Predictions) -> Tensor:
    """Return the complete IoU (P,) of boxes, 0 where it is negative."""
    true = objects.boxes[pairs.pictures, pairs.slots]
    return complete_iou(true, predictions.boxes[pairs.pictures, pairs.anchors]).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class KeypointOverlap:
    """Object keypoint similarity; complete IoU of the boxes for objects without labelled keypoints.

    Attributes:
        sigmas: OKS sigma of each of the K keypoints.
    """

    sigmas: tuple[float, ...]

    def __call__(self, pairs: Pairs, objects: Objects, predictions: Predictions) -> Tensor:
        """Return the overlap (P,) of each pair."""
        similarity, labelled = keypoint_similarity(pairs, objects, predictions, self.sigmas)
        return torch.where(labelled, similarity, box_overlap(pairs, objects, predictions))


@dataclass(frozen=True, kw_only=True)
class BoxAndMaskOverlap:
    """Mean of the complete IoU of boxes and the IoU of masks.

    Attributes:
        shortlist: pairs per object, the best by box, whose masks are compared; the others count as apart.
    """

    shortlist: int

    def __call__(self, pairs: Pairs, objects: Objects, predictions: Predictions) -> Tensor:
        """Return the overlap (P,) of each pair."""
        boxes = box_overlap(pairs, objects, predictions)
        return (boxes + self.masks(pairs, boxes, objects, predictions)) / 2

    def masks(self, pairs: Pairs, boxes: Tensor, objects: Objects, predictions: Predictions) -> Tensor:
        """Return the IoU (P,) of masks, given that of boxes."""
        metric = alignment(pairs, boxes, objects, predictions)
        return mask_overlap(pairs, metric, objects, predictions, self.shortlist)


@dataclass(frozen=True, kw_only=True)
class JointOverlap:
    """Mean of the overlaps of both single tasks; that of segmentation alone where no keypoint is labelled.

    That of segmentation is the mean of boxes and masks, or that of boxes where no mask is known.

    Attributes:
        sigmas: OKS sigma of each of the K keypoints.
        shortlist: see `BoxAndMaskOverlap`.
    """

    sigmas: tuple[float, ...]
    shortlist: int

    def __call__(self, pairs: Pairs, objects: Objects, predictions: Predictions) -> Tensor:
        """Return the overlap (P,) of each pair."""
        boxes = box_overlap(pairs, objects, predictions)
        masks = BoxAndMaskOverlap(shortlist=self.shortlist).masks(pairs, boxes, objects, predictions)
        keypoints, labelled = keypoint_similarity(pairs, objects, predictions, self.sigmas)
        outlined = objects.are_outlined(pairs.pictures, pairs.slots)
        shapes = torch.where(outlined, (boxes + masks) / 2, boxes)
        return torch.where(labelled, (shapes + keypoints) / 2, shapes)


def keypoint_similarity(
    pairs: Pairs, objects: Objects, predictions: Predictions, sigmas: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Return the OKS (P,) of each pair, and whether its object has a labelled keypoint, (P,) bool."""
    if predictions.keypoints is None:
        raise ShapeError("keypoint overlaps need a head with keypoints")
    true = objects.require_keypoints()[pairs.pictures, pairs.slots]  # (P, K, 3)
    near, far = objects.boxes[pairs.pictures, pairs.slots].chunk(2, 1)
    area = (far - near).prod(1) * AREA_SHARE + 1e-9  # (P,)
    spread = (2 * true.new_tensor(sigmas)).square() * 2  # (K,)
    found = predictions.keypoints[pairs.pictures, pairs.anchors]
    distance = (found - true[..., :2]).square().sum(2)  # (P, K)
    labelled = true[..., 2] > 0
    similarity = torch.exp(-distance / (spread * area[:, None])) * labelled
    counts = labelled.sum(1)
    return similarity.sum(1) / counts.clamp(min=1), counts > 0
