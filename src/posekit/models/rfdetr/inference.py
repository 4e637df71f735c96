"""What an RF-DETR network offers to the engine for prediction (see `models.contract`)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posekit.config.settings import DetectionSettings, PredictSettings, ValSettings
from posekit.errors import SettingError, SourceValueError
from posekit.log import LOGGER
from posekit.models.contract import Detected, check_val_settings, warn_of_full_precision
from posekit.models.rfdetr.decode import Found, find, find_uncertain
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.network import Outputs, Predictions
from posekit.models.rfdetr.weights import AnyNetwork
from posekit.ops.boxes import boxes_to_original, points_to_original
from posekit.ops.letterbox import BatchPlan, Letterbox, plan_square_batches
from posekit.results.results import Results
from posekit.sample import Batch, Floats, Picture, Sample

BAND = 32


"""Lines that are stretched at a time: few enough to stay in the processor's cache."""


class Mix(NamedTuple):
    """How each of n pixels along an axis is mixed of two.

    Attributes:
        low: (n,) index of the first pixel.
        high: (n,) index of the second.
        share: (n,) share of the second, 0 ... 1.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    share: Floats


def stretch(image: Picture | Floats, size: tuple[int, int]) -> Floats:
    """Return a picture (h, w, 3) BGR in 0 ... 255 stretched to (H, W), as (H, W, 3) float32 RGB in [0, 1].

    Bilinear, without smoothing when it shrinks, and not rounded to bytes, as PyTorch does it: the networks notice
    differences. Only pixels that matter are read, so large pictures cost little.
    """
    rows, columns = mix(image.shape[0], size[0]), mix(image.shape[1], size[1])
    stretched = np.empty((*size, 3), np.float32)
    for start in range(0, size[0], BAND):
        band = slice(start, start + BAND)
        top, bottom = (stretch_lines(image[lines[band]], columns) for lines in (rows.low, rows.high))
        blend(top, bottom, rows.share[band, None, None])
        np.multiply(bottom[..., ::-1], np.float32(1 / 255), out=stretched[band])
    return stretched


def stretch_lines(lines: Picture | Floats, columns: Mix) -> Floats:
    """Return lines (n, w, 3) stretched along themselves, (n, W, 3) float32."""
    left, right = (lines.take(places, 1).astype(np.float32) for places in (columns.low, columns.high))
    blend(left, right, columns.share.repeat(3).reshape(-1, 3))
    return right


def mix(length: int, target: int) -> Mix:
    """Return how `target` pixels are mixed of `length`, pixels being areas; in the 32 bits that PyTorch uses."""
    scale = np.float32(length) / np.float32(target)
    centres = scale * (np.arange(target, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    centres = centres.clip(0)
    low = centres.astype(np.int64)
    return Mix(low, (low + 1).clip(max=length - 1), centres - low.astype(np.float32))


def blend(first: Floats, second: Floats, share: Floats) -> None:
    """Mix two arrays into `second`, whose share is given."""
    second -= first
    second *= share
    second += first


def stretched_input(pictures: Sequence[Picture | Floats], size: tuple[int, int]) -> Tensor:
    """Return (B, 3, H, W) float32 RGB in [0, 1], in channels-last memory order, for pictures (see `stretch`)."""
    stacked = np.stack([stretch(picture, size) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)


def stretching(network: tuple[int, int], original: tuple[int, int]) -> Letterbox:
    """Return the map from a picture (h, w) that fills an input (H, W)."""
    gain = (network[0] / original[0], network[1] / original[1])
    return Letterbox(network=network, original=original, gain=gain, pad=(0, 0))


class RFDETRInference:
    """A network made ready to predict.

    Args:
        model: the network, in evaluation mode; it is used as it is, not copied.
        device: where to run.
        half: compute in 16-bit floating point (accelerators only).
    """

    def __init__(self, model: RFDETRModel, *, device: torch.device, half: bool = False) -> None:
        self.network: AnyNetwork = model.network.to(device)
        self.device = device
        self.half = half
        self.task = model.task
        self.names = dict(model.names)
        self.schema = model.schema
        self.architecture = model.layout.architecture
        self._slots = model.layout.slots

    def adapt(self, settings: PredictSettings) -> PredictSettings:
        """Return the settings with a possible input size; a warning tells what this network cannot do."""
        size = self.input_size(settings.imgsz)
        if settings.imgsz is not None and size not in (settings.imgsz, (settings.imgsz, settings.imgsz)):
            stride = self.architecture.stride
            LOGGER.warning("imgsz=%s is no multiple of %d: rounded up to %s", settings.imgsz, stride, list(size))
        if settings.augment:
            LOGGER.warning("augment=True works for YOLO detect models only: predicting without it")
        warn_of_full_precision(wanted_half=settings.half, is_half=self.half)
        return replace(settings, imgsz=size, augment=False)

    def input_size(self, imgsz: int | tuple[int, int] | None) -> tuple[int, int]:
        """Return (H, W) for a requested side or (H, W), rounded up; without any, the size of training."""
        requested = imgsz or self.architecture.resolution
        height, width = (requested, requested) if isinstance(requested, int) else requested
        stride = self.architecture.stride
        return max(-(-height // stride), 1) * stride, max(-(-width // stride), 1) * stride

    def prepare(self, samples: list[Sample], settings: PredictSettings) -> Batch:
        """Stretch pictures to ``settings.imgsz``; ready tensors stay as they are.

        Raises:
            SourceValueError: a side of the ready tensors is no multiple of the stride.
        """
        ready = [sample.tensor for sample in samples if sample.tensor is not None]
        if ready:
            self._check_sides(samples[0].size)
            return _batch(torch.stack(ready), samples)
        size = self.input_size(settings.imgsz)
        return _batch(stretched_input([sample.image for sample in samples], size), samples)

    @torch.inference_mode()
    def run(self, batch: Batch, settings: DetectionSettings) -> Outputs:
        """Return the predictions of the last layer."""
        with self._precision():
            outputs: Outputs = self.network(self._on_device(batch))
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return outputs

    # Not inference_mode: what users get are ordinary tensors, which they may change and compute with.
    @torch.no_grad()
    def decode(self, outputs: Outputs, batch: Batch, settings: PredictSettings) -> list[Results]:
        """Return one `Results` per picture, boxes and keypoints in pixels of the original, clipped to it."""
        network = (batch.images.shape[2], batch.images.shape[3])
        results = []
        for found, sample, letterbox in zip(
            self.find(outputs, network, settings), batch.samples, batch.letterboxes, strict=True
        ):
            boxes = boxes_to_original(found.boxes, letterbox)
            results.append(
                Results(
                    orig_img=sample.image if sample.tensor is None else sample.tensor,
                    path=sample.path,
                    names=self.names,
                    boxes=torch.cat((boxes, found.scores[:, None], found.classes[:, None].float()), 1),
                    keypoints=None if found.keypoints is None else points_to_original(found.keypoints, letterbox),
                    schema=self.schema,
                )
            )
        return results

    def find(self, outputs: Outputs, network: tuple[int, int], settings: DetectionSettings) -> list[Found]:
        """Return the detections of each picture, in pixels of the input (H, W)."""
        return [_in_pixels(found, network) for found in self.find_fractions(outputs, settings)]

    def find_fractions(self, outputs: Outputs, settings: DetectionSettings) -> list[Found]:
        """Return the detections of each picture, as fractions of it.

        There is no suppression: the network was trained to find each object once.
        """
        found = map(self._find, _by_picture(outputs.last))
        return [self._wanted(part, settings) for part in found]

    @torch.no_grad()
    def find_in(self, pictures: list[Picture | Floats], settings: DetectionSettings) -> list[Found]:
        """Return the detections of pictures (h, w, 3) BGR, as fractions of them; all go through the network at once."""
        images = stretched_input(pictures, self.input_size(None))
        return self.find_fractions(self.run(Batch(images=images, samples=[], letterboxes=[]), settings), settings)

    @torch.inference_mode()
    def feature_maps(self, batch: Batch) -> dict[str, Tensor]:
        """Return the backbone's maps and the memory, (B, C, H, W), by name."""
        maps = self._maps(batch)
        names = [f"{index}_block{tap}" for index, tap in enumerate(self.architecture.taps)]
        return dict(zip([*names, f"{len(names)}_memory"], maps, strict=True))

    @torch.no_grad()
    def embed(self, batch: Batch, layers: list[int]) -> list[Tensor]:
        """Return one feature vector (C,) per picture: the mean of the named maps (see `feature_maps`), joined.

        Raises:
            SettingError: there is no map of such a number.
        """
        maps = self._maps(batch)
        if not layers or max(layers) >= len(maps):
            raise SettingError(f"embed={layers}: name maps from 0 to {len(maps) - 1}")
        return list(torch.cat([maps[layer].mean((2, 3)) for layer in layers], 1).float())

    def _maps(self, batch: Batch) -> list[Tensor]:
        with self._precision():
            return self.network.feature_maps(self._on_device(batch))

    def _find(self, predictions: Predictions) -> Found:
        if self._slots is None:
            return find(predictions, self.architecture.detections)
        found = find_uncertain(predictions, self.architecture.detections, self._slots)
        return found.keep(found.scores.argsort(descending=True, stable=True))  # fusion has changed the order

    def _wanted(self, found: Found, settings: DetectionSettings) -> Found:
        """Keep the best `max_det` of what has a name, is asked for and scores high enough."""
        chosen = set(self.names) if settings.classes is None else set(self.names) & set(settings.classes)
        wanted = torch.isin(found.classes, torch.tensor(sorted(chosen), device=found.classes.device))
        kept = found.keep(wanted & (found.scores > settings.conf))
        return kept.keep(torch.arange(len(kept.scores), device=kept.scores.device) < settings.max_det)

    def _on_device(self, batch: Batch) -> Tensor:
        """Return (B, 3, H, W) float in [0, 1] on the device."""
        images = batch.images.to(self.device)
        return images / 255 if images.dtype == torch.uint8 else images.float()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.float16 if self.half else None, enabled=self.half)

    def _check_sides(self, size: tuple[int, int]) -> None:
        stride = self.architecture.stride
        if size[0] % stride or size[1] % stride:
            raise SourceValueError(
                f"tensor source of {size[0]}x{size[1]} pixels: height and width must be multiples of {stride} "
                "for this model"
            )


def _batch(images: Tensor, samples: list[Sample]) -> Batch:
    network = (images.shape[2], images.shape[3])
    return Batch(images=images, samples=samples, letterboxes=[stretching(network, sample.size) for sample in samples])


def _by_picture(predictions: Predictions) -> list[Predictions]:
    """Return the predictions of each picture, in 32 bits."""
    parts = [[None] * len(predictions.logits) if part is None else list(part.float()) for part in predictions]
    return [Predictions(*own) for own in zip(*parts, strict=True)]


def _in_pixels(found: Found, network: tuple[int, int]) -> Found:
    height, width = network
    corner = found.boxes.new_tensor((width, height))
    keypoints = found.keypoints
    if keypoints is not None:
        keypoints = torch.cat((keypoints[..., :2] * corner, keypoints[..., 2:]), -1)
    return found._replace(boxes=found.boxes * corner.repeat(2), keypoints=keypoints)


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
