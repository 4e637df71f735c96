"""What an RF-DETR network offers to the engine for prediction (see `models.contract`)."""

from dataclasses import replace

import torch
from torch import Tensor

from posekit.config.predict import PredictSettings
from posekit.config.shared import DetectionSettings
from posekit.errors import SettingError, SourceValueError
from posekit.log import LOGGER
from posekit.models.limits import warn_of_full_precision
from posekit.models.rfdetr.loading import AnyNetwork
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.outputs import Outputs, Predictions
from posekit.models.rfdetr.postprocess import Found, find
from posekit.models.rfdetr.prepare import stretched_input, stretching
from posekit.models.rfdetr.preview.decode import find_uncertain
from posekit.ops.boxes import boxes_to_original, points_to_original
from posekit.results import Results
from posekit.sample import Batch, Floats, Picture, Sample


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
