"""`ScoredBatch`: what a network found on labelled pictures, beside what is there."""

from dataclasses import dataclass

import numpy as np

from posekit.config.val import ValSettings
from posekit.engine.labelled_batches import LabelledBatch
from posekit.engine.truth import truth_of
from posekit.metrics.picture import Found, Truth
from posekit.models.contract import Detected
from posekit.sample import Batch

# Masks are compared at this fraction of the input; whole when they are saved, as they must be made then anyway.
MASK_RATIO = 4


@dataclass(frozen=True, kw_only=True)
class ScoredBatch:
    """One batch after the network.

    Attributes:
        batch: the pictures.
        positions: their numbers in the data set.
        truths: their labels, in pixels of the network input.
        founds: their detections, likewise.
    """

    batch: Batch
    positions: tuple[int, ...]
    truths: list[Truth]
    founds: list[Found]


def mask_size(batch: Batch, settings: ValSettings) -> tuple[int, int]:
    """Return the (h, w) at which masks are compared."""
    ratio = 1 if settings.save_json or settings.save_txt else MASK_RATIO
    return batch.images.shape[2] // ratio, batch.images.shape[3] // ratio


def scored_batch(ready: LabelledBatch, detected: list[Detected], settings: ValSettings) -> ScoredBatch:
    """Put the truth beside the detections of a batch."""
    batch = ready.batch
    with_masks = bool(detected) and detected[0].masks is not None
    size = mask_size(batch, settings) if with_masks else None
    placed = zip(batch.samples, batch.letterboxes, strict=True)
    return ScoredBatch(
        batch=batch,
        positions=ready.positions,
        truths=[truth_of(*picture, mask_size=size, overlap=settings.overlap_mask) for picture in placed],
        founds=[_found(picture, single_cls=settings.single_cls) for picture in detected],
    )


def _found(detected: Detected, *, single_cls: bool) -> Found:
    classes = detected.classes.cpu().numpy()
    return Found(
        classes=np.zeros_like(classes) if single_cls else classes,
        scores=detected.scores.float().cpu().numpy(),
        boxes=detected.boxes.float().cpu().numpy(),
        keypoints=None if detected.keypoints is None else detected.keypoints.float().cpu().numpy(),
        masks=None if detected.masks is None else detected.masks.cpu().numpy(),
    )
