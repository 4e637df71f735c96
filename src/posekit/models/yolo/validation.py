"""What a YOLO network offers to the engine for validation (see `models.contract`)."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import torch
from torch import Tensor

from posekit.config.shared import DetectionSettings
from posekit.config.val import ValSettings
from posekit.log import LOGGER
from posekit.models.contract import Detected
from posekit.models.limits import check_val_settings, warn_of_full_precision
from posekit.models.yolo.detections import Detections
from posekit.models.yolo.inference import DEFAULT_IMGSZ, YoloInference, suppression
from posekit.models.yolo.outputs import BranchOutputs
from posekit.models.yolo.prepare import MIN_STRIDE, input_size, pictures_to_tensor
from posekit.ops.batch_plan import BatchPlan, plan_rect_batches, plan_square_batches
from posekit.ops.letterbox import Letterbox, apply_letterbox, plan_letterbox
from posekit.ops.masks import assemble_masks_at_network_size, assemble_masks_at_prototype_size
from posekit.sample import Batch, Sample


class YoloValidation:
    """A network that is ready to predict, asked for all its detections in pixels of the input."""

    def __init__(self, inference: YoloInference) -> None:
        self._inference = inference
        self.task = inference.task
        self.names = inference.names
        self.schema = inference.schema
        self.device = inference.device
        self._stride = max(MIN_STRIDE, inference.network.max_stride)

    def adapt_val(self, settings: ValSettings) -> ValSettings:
        """Return the settings with a possible input size, and without augmentation where it is not possible.

        Raises:
            SettingError: ``batch`` is no number of pictures, or ``precision`` is 8 bits.
        """
        check_val_settings(settings)
        requested = settings.imgsz or DEFAULT_IMGSZ
        side = input_size(requested, self._stride)[0]
        if side != requested:
            LOGGER.warning("imgsz=%s is no multiple of the stride %d: rounded up to %d", requested, self._stride, side)
        augment = settings.augment and self._inference.can_augment
        if settings.augment and not augment:
            LOGGER.warning("augment=True works for detect models with suppression only: validating without it")
        warn_of_full_precision(wanted_half=settings.half, is_half=self._inference.dtype == torch.float16)
        return replace(settings, imgsz=side, augment=augment)

    def plan(self, sizes: Sequence[tuple[int, int]], settings: ValSettings) -> list[BatchPlan]:
        """Return batches of like aspect ratios with `rect`, else square ones in the order of the data set."""
        side, count = _side(settings), int(settings.batch)
        if settings.rect:
            return plan_rect_batches(sizes, imgsz=side, batch=count, stride=self._stride)
        return plan_square_batches(len(sizes), imgsz=side, batch=count)

    def load_size(self, size: tuple[int, int], settings: ValSettings) -> tuple[int, int]:
        """Return (h, w) with the long side at `imgsz`, enlarged if need be."""
        side = _side(settings)
        ratio = side / max(size)
        height, width = (min(ceil(length * ratio), side) for length in size)
        return height, width

    def place(self, samples: list[Sample], shape: tuple[int, int]) -> Batch:
        """Letterbox pictures into one input (H, W), without enlarging them further."""
        plans = [plan_letterbox(sample.size, shape, scaleup=False) for sample in samples]
        boxed = [apply_letterbox(sample.image, plan) for sample, plan in zip(samples, plans, strict=True)]
        letterboxes = []
        for sample, plan in zip(samples, plans, strict=True):
            original = sample.original_size or sample.size
            gain_y, gain_x = (
                loaded / whole * ratio for loaded, whole, ratio in zip(sample.size, original, plan.ratio, strict=True)
            )
            top, _, left, _ = plan.padding
            letterboxes.append(Letterbox(network=shape, original=original, gain=(gain_y, gain_x), pad=(top, left)))
        return Batch(images=pictures_to_tensor(boxed), samples=samples, letterboxes=letterboxes)

    def run(self, batch: Batch, settings: DetectionSettings) -> Any:
        """Return the raw outputs of the selected branches; with augmentation, decoded ones."""
        return self._inference.run(batch, settings)

    @torch.no_grad()
    def detect(self, outputs: Any, batch: Batch, settings: ValSettings, mask_size: tuple[int, int]) -> list[Detected]:
        """Return the detections of each picture; an anchor point may be several classes at once."""
        network = (batch.images.shape[2], batch.images.shape[3])
        choice = replace(suppression(settings), multi_label=True)
        return [
            Detected(
                boxes=detections.boxes,
                scores=detections.scores,
                classes=detections.classes,
                keypoints=points,
                masks=_masks(raw, detections, network, mask_size),
            )
            for raw, detections, points in self._inference.find(outputs, network, choice)
        ]


def _side(settings: ValSettings) -> int:
    return settings.imgsz or DEFAULT_IMGSZ


def _masks(
    raw: BranchOutputs, detections: Detections, network: tuple[int, int], size: tuple[int, int]
) -> Tensor | None:
    """Return (n, h, w) uint8 at the size of the prototypes, or enlarged to that of the input."""
    if "proto" not in raw:
        return None
    protos, weights = raw["proto"].float(), raw["mask_coefficient"][:, detections.anchors].float().T
    at_prototypes = size == tuple(protos.shape[1:])
    assemble = assemble_masks_at_prototype_size if at_prototypes else assemble_masks_at_network_size
    return assemble(protos, weights, detections.boxes, network)
