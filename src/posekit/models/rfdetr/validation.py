"""What an RF-DETR network offers to the engine for validation (see `models.contract`)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from posekit.config.shared import DetectionSettings
from posekit.config.val import ValSettings
from posekit.log import LOGGER
from posekit.models.contract import Detected
from posekit.models.limits import check_val_settings, warn_of_full_precision
from posekit.models.rfdetr.inference import RFDETRInference
from posekit.models.rfdetr.prepare import stretched_input, stretching
from posekit.ops.batch_plan import BatchPlan, plan_square_batches
from posekit.ops.letterbox import Letterbox
from posekit.sample import Batch, Sample


class RFDETRValidation:
    """A network that is ready to predict, asked for all its detections in pixels of the input."""

    def __init__(self, inference: RFDETRInference) -> None:
        self._inference = inference
        self.task = inference.task
        self.names = inference.names
        self.schema = inference.schema
        self.device = inference.device

    def adapt_val(self, settings: ValSettings) -> ValSettings:
        """Return the settings with a possible, square input size, and without what this network cannot do.

        Raises:
            SettingError: ``batch`` is no number of pictures, or ``precision`` is 8 bits.
        """
        check_val_settings(settings)
        side = self._inference.input_size(settings.imgsz)[0]
        if settings.imgsz not in (None, side):
            stride = self._inference.architecture.stride
            LOGGER.warning("imgsz=%s is no multiple of %d: rounded up to %d", settings.imgsz, stride, side)
        if settings.augment:
            LOGGER.warning("augment=True works for YOLO detect models only: validating without it")
        warn_of_full_precision(wanted_half=settings.half, is_half=self._inference.half)
        return replace(settings, imgsz=side, augment=False, rect=False)

    def plan(self, sizes: Sequence[tuple[int, int]], settings: ValSettings) -> list[BatchPlan]:
        """Return square batches in the order of the data set: pictures are stretched, not padded."""
        side = self._inference.input_size(settings.imgsz)[0]
        return plan_square_batches(len(sizes), imgsz=side, batch=int(settings.batch))

    def load_size(self, size: tuple[int, int], settings: ValSettings) -> tuple[int, int]:
        """Return the size that a picture has: it is resized once, when it is placed, without rounding to bytes."""
        return size

    def place(self, samples: list[Sample], shape: tuple[int, int]) -> Batch:
        """Stretch pictures to one input (H, W)."""
        letterboxes = [_placing(shape, sample) for sample in samples]
        images = stretched_input([sample.image for sample in samples], shape)
        return Batch(images=images, samples=samples, letterboxes=letterboxes)

    def run(self, batch: Batch, settings: DetectionSettings) -> Any:
        """Return the predictions of the last layer."""
        return self._inference.run(batch, settings)

    @torch.no_grad()
    def detect(self, outputs: Any, batch: Batch, settings: ValSettings, mask_size: tuple[int, int]) -> list[Detected]:
        """Return the detections of each picture; a query may be several classes at once."""
        network = (batch.images.shape[2], batch.images.shape[3])
        return [
            Detected(boxes=found.boxes, scores=found.scores, classes=found.classes, keypoints=found.keypoints)
            for found in self._inference.find(outputs, network, settings)
        ]


def _placing(shape: tuple[int, int], sample: Sample) -> Letterbox:
    return stretching(shape, sample.original_size or sample.size)
