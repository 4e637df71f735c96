"""An RF-DETR network made ready to predict and to be measured, on its device."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from posekit.config.settings import DetectionSettings
from posekit.errors import SettingError
from posekit.models.contract import AnySettings, MaskSize
from posekit.models.rfdetr.architecture import KeypointSlots, Layout
from posekit.models.rfdetr.decode import find, find_uncertain
from posekit.models.rfdetr.network import Outputs, Predictions
from posekit.models.rfdetr.weights import AnyNetwork
from posekit.models.shared import adapted, mean_vectors, on_device, wait_for
from posekit.placing import Placing, Stretching, stretched_input
from posekit.results.detected import Detected
from posekit.sample import Batch, Floats, Picture
from posekit.schema.schema import KeypointSchema


class RFDETRInference:
    """A `Model` of an RF-DETR network, which can be looked into, too.

    Args:
        network: in evaluation mode; it is used as it is, not copied.
        layout: what it was built from.
        names: class names by index; class rows without a name are never reported.
        schema: its keypoints; None without.
        device: where to run.
        half: compute in 16-bit floating point (accelerators only).
    """

    def __init__(
        self,
        network: AnyNetwork,
        layout: Layout,
        names: dict[int, str],
        schema: KeypointSchema | None,
        *,
        device: torch.device,
        half: bool = False,
    ) -> None:
        self.network: AnyNetwork = network.to(device)
        self.device = device
        self.half = half
        self.task = "detect" if schema is None else "pose"
        self.names = dict(names)
        self.schema = schema
        self.architecture = layout.architecture
        self.placing: Placing = Stretching(layout.architecture.stride)
        self.imgsz: int | tuple[int, int] = layout.architecture.resolution
        self._slots = layout.slots

    def adapt(self, settings: AnySettings) -> AnySettings:
        """See `Model`: pictures are stretched, so that `rect` has no meaning."""
        made = adapted(self, settings, is_half=self.half, augments=False, augmenting="YOLO detect models")
        return replace(made, rect=False)

    @torch.inference_mode()
    def run(self, batch: Batch, settings: DetectionSettings) -> Outputs:
        """Return the predictions of the last layer."""
        with self._precision():
            outputs: Outputs = self.network(self._input(batch))
        wait_for(self.device)
        return outputs

    # Not inference_mode: what users get are ordinary tensors, which they may change and compute with.
    @torch.no_grad()
    def detect(
        self, outputs: Outputs, batch: Batch, settings: DetectionSettings, masks: MaskSize
    ) -> list[Detected[Tensor]]:
        """See `Model`; there are no masks."""
        size = (batch.images.shape[2], batch.images.shape[3])
        return [in_pixels(found, size) for found in self.find_fractions(outputs, settings)]

    def find_fractions(self, outputs: Outputs, settings: DetectionSettings) -> list[Detected[Tensor]]:
        """Return the detections of each picture, as fractions of it."""
        return chosen_queries(outputs.last, self.names, settings, self.architecture.detections, self._slots)

    @torch.no_grad()
    def find_in(self, pictures: Sequence[Picture | Floats], settings: DetectionSettings) -> list[Detected[Tensor]]:
        """Return the detections of pictures (h, w, 3) BGR, as fractions of them; all go through the network at once."""
        images = stretched_input(pictures, self.placing.input_size(self.imgsz))
        return self.find_fractions(self.run(Batch(images=images, samples=[], letterboxes=[]), settings), settings)

    @torch.inference_mode()
    def feature_maps(self, batch: Batch) -> dict[str, Tensor]:
        """See `Inside`: the backbone's maps and the memory."""
        maps = self._maps(batch)
        names = [f"{index}_block{tap}" for index, tap in enumerate(self.architecture.taps)]
        return dict(zip([*names, f"{len(names)}_memory"], maps, strict=True))

    @torch.no_grad()
    def embed(self, batch: Batch, layers: list[int]) -> list[Tensor]:
        """See `Inside`: maps as in `feature_maps`."""
        maps = self._maps(batch)
        if not layers or max(layers) >= len(maps):
            raise SettingError(f"embed={layers}: name maps from 0 to {len(maps) - 1}")
        return mean_vectors([maps[layer] for layer in layers])

    def _maps(self, batch: Batch) -> list[Tensor]:
        with self._precision():
            return self.network.feature_maps(self._input(batch))

    def _input(self, batch: Batch) -> Tensor:
        return on_device(batch, self.device).float()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.float16 if self.half else None, enabled=self.half)


def chosen_queries(
    last: Predictions,
    names: Mapping[int, str],
    settings: DetectionSettings,
    count: int,
    slots: KeypointSlots | None,
) -> list[Detected[Tensor]]:
    """Return the detections of each picture, as fractions of it.

    There is no suppression: the network was trained to find each object once.

    Args:
        last: predictions of the last layer.
        names: class names by index; class rows without a name are never reported.
        settings: threshold, classes and number of detections.
        count: best (query, class) pairs that are looked at.
        slots: keypoints per class row of the keypoint preview; None elsewhere.
    """
    chosen = set(names) if settings.classes is None else set(names) & set(settings.classes)
    found = []
    for predictions in _by_picture(last):
        if slots is None:
            detected = find(predictions, count)
        else:
            detected = find_uncertain(predictions, count, slots)
            detected = detected.take(detected.scores.argsort(descending=True, stable=True))  # fusion changed the order
        named = torch.isin(detected.classes, torch.tensor(sorted(chosen), device=detected.classes.device))
        detected = detected.take(named & (detected.scores > settings.conf))
        found.append(detected.take(slice(settings.max_det)))
    return found


def _by_picture(predictions: Predictions) -> list[Predictions]:
    """Return the predictions of each picture, in 32 bits."""
    parts = [[None] * len(predictions.logits) if part is None else list(part.float()) for part in predictions]
    return [Predictions(*own) for own in zip(*parts, strict=True)]


def in_pixels(found: Detected[Tensor], network: tuple[int, int]) -> Detected[Tensor]:
    """Return detections in pixels of an input (H, W) for those in fractions of it."""
    height, width = network
    corner = found.boxes.new_tensor((width, height))
    keypoints = found.keypoints
    if keypoints is not None:
        keypoints = torch.cat((keypoints[..., :2] * corner, keypoints[..., 2:]), -1)
    return replace(found, boxes=found.boxes * corner.repeat(2), keypoints=keypoints)
