"""`ExportedModel`: an exported file, ready to predict and to be measured like the network that it came from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from posekit.config.settings import DetectionSettings, PredictSettings
from posekit.errors import CheckpointError, PosekitError, SettingError, SourceValueError
from posekit.log import LOGGER, one_line
from posekit.models.contract import AnySettings, MaskSize
from posekit.models.exported.facts import Facts, Size
from posekit.models.exported.sessions import Session
from posekit.models.rfdetr.architecture import KeypointSlots
from posekit.models.rfdetr.inference import chosen_queries, in_pixels
from posekit.models.rfdetr.network import Predictions
from posekit.models.shared import adapted
from posekit.models.yolo.decode import MIN_RANKED, rank_end2end
from posekit.models.yolo.inference import picture_masks, points_of_classes, suppression
from posekit.ops.boxes import xywh_to_xyxy
from posekit.ops.letterbox import BatchPlan
from posekit.ops.nms import filter_ranked, select_candidates, suppress
from posekit.placing import Letterboxing, Placing, Stretching
from posekit.results.detected import Detected
from posekit.sample import Batch, Floats, Sample

Outputs: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True)
class FixedSize:
    """Pictures come into the one input size that a file has.

    Attributes:
        inner: how pictures are placed.
        size: (H, W) in pixels.
    """

    inner: Letterboxing | Stretching
    size: Size

    @property
    def stride(self) -> int:
        """See `Placing`."""
        return self.inner.stride

    def input_size(self, imgsz: int | Size) -> Size:
        """See `Placing`: a warning tells of other wishes."""
        wanted = (imgsz, imgsz) if isinstance(imgsz, int) else tuple(imgsz)
        if wanted != self.size:
            LOGGER.warning("imgsz=%s: the file has inputs of %s only, which are used", imgsz, list(self.size))
        return self.size

    def prepare(self, samples: list[Sample], size: Size, *, rect: bool) -> Batch:
        """See `Placing`.

        Raises:
            SourceValueError: ready tensors have another size.
        """
        ready = next((sample.size for sample in samples if sample.tensor is not None), self.size)
        if ready != self.size:
            raise SourceValueError(f"tensor source of {list(ready)} pixels: the file takes {list(self.size)} only")
        return self.inner.prepare(samples, self.size, rect=False)

    def plan(self, sizes: Sequence[Size], imgsz: int, batch: int, *, rect: bool) -> list[BatchPlan]:
        """See `Placing`: in the order of the data set."""
        plans = self.inner.plan(sizes, imgsz, batch, rect=False)
        return [replace(plan, shape=self.size) for plan in plans]

    def load_size(self, size: Size, imgsz: int) -> Size:
        """See `Placing`: letterboxed pictures as large as they fit."""
        if isinstance(self.inner, Stretching):
            return self.inner.load_size(size, imgsz)
        gain = min(own / length for own, length in zip(self.size, size, strict=True))
        height, width = (max(min(ceil(length * gain), own), 1) for length, own in zip(size, self.size, strict=True))
        return height, width

    def place(self, samples: list[Sample], shape: Size) -> Batch:
        """See `Placing`."""
        return self.inner.place(samples, self.size)


class ExportedModel:
    """A `Model` of an exported file.

    Args:
        facts: what the file says of itself.
        session: the file, loaded.
        path: of the file, for messages.
    """

    def __init__(self, facts: Facts, session: Session, path: str) -> None:
        self.facts = facts
        self.session = session
        self.path = path
        self.task = facts.task
        self.names = dict(facts.names)
        self.schema = facts.schema
        self.device = torch.device("cpu")  # outputs come back to main memory, wherever the runtime computes
        inner = Stretching(facts.stride) if facts.placing == "stretch" else Letterboxing(facts.stride)
        self.placing: Placing = inner if facts.any_size else FixedSize(inner, facts.imgsz)
        self.imgsz: int | tuple[int, int] = facts.imgsz
        self._points = points_of_classes(self.schema, max(self.names, default=0) + 1)
        self._slots = None if facts.slots is None else KeypointSlots(facts.slots)
        self._told = self._told_half = False

    def adapt(self, settings: AnySettings) -> AnySettings:
        """See `Model`: what is settled in the file stays as it is there."""
        if self.facts.conf is not None and settings.conf < self.facts.conf and not self._told:
            self._told = True
            LOGGER.warning(
                "conf=%g: %s holds only detections above %g: export again with another conf",
                settings.conf, self.path, self.facts.conf,
            )  # fmt: skip
        if isinstance(settings, PredictSettings) and (settings.visualize or settings.embed is not None):
            asked = "embed" if settings.embed is not None else "visualize=True"
            raise SettingError(
                f"{asked} looks into the layers of a network, which {self.path} does not show: take its .pt"
            )
        if settings.half and self.facts.precision != 16 and not self._told_half:
            self._told_half = True
            LOGGER.warning("half=True: %s computes in %d bits, as it was exported", self.path, self.facts.precision)
        made = adapted(self, settings, is_half=True, augments=False, augmenting="detect models in PyTorch")
        return made if self.facts.any_size else replace(made, rect=False)

    def run(self, batch: Batch, settings: DetectionSettings) -> Outputs:
        """Return the outputs by name."""
        images = batch.images
        floats = images.to(torch.float32) / 255 if images.dtype == torch.uint8 else images.float()
        parts = [self._run_part(part) for part in self._parts(floats.contiguous().numpy())]
        joined = [np.concatenate(values) for values in zip(*parts, strict=True)]
        return {name: torch.from_numpy(value) for name, value in zip(self.facts.outputs, joined, strict=True)}

    @torch.no_grad()
    def detect(
        self, outputs: Outputs, batch: Batch, settings: DetectionSettings, masks: MaskSize
    ) -> list[Detected[Tensor]]:
        """See `Model`."""
        size = (batch.images.shape[2], batch.images.shape[3])
        if self.facts.layout == "queries":
            last = Predictions(outputs["labels"], outputs["dets"], outputs.get("keypoints"))
            count = self.facts.max_det or last.logits.shape[1]
            return [in_pixels(one, size) for one in chosen_queries(last, self.names, settings, count, self._slots)]
        find = self._rows if self.facts.layout == "rows" else self._dense
        values = self.predictions(outputs, size)
        found = []
        for index, letterbox in enumerate(batch.letterboxes):
            detected, coefficients = find(values[index], settings)
            if coefficients is not None:
                made = picture_masks(
                    outputs[self.facts.outputs[-1]][index], coefficients, detected.boxes, letterbox, masks
                )
                detected = replace(detected, masks=made)
            found.append(detected)
        return found

    def predictions(self, outputs: Outputs, size: Size) -> Tensor:
        """Return dense predictions (B, 4 + nc + K * D + M, A), or rows, in pixels of an input (H, W)."""
        if self.facts.layout == "split":
            return self._joined(outputs, size)
        values = outputs[self.facts.outputs[0]]
        return self._in_pixels(values, size) if self.facts.unit == "fractions" else values

    def _parts(self, images: Floats) -> list[Floats]:
        """Return the batch in parts that the file takes."""
        if self.facts.dynamic and not self.facts.is_bounded:
            return [images]
        return [images[start : start + self.facts.batch] for start in range(0, len(images), self.facts.batch)]

    def _run_part(self, images: Floats) -> list[Floats]:
        """Return the outputs for a part; one that is too small is filled up with black pictures."""
        count = len(images)
        if not self.facts.dynamic and count < self.facts.batch:
            images = np.concatenate((images, np.zeros((self.facts.batch - count, *images.shape[1:]), np.float32)))
        try:
            outputs = self.session.run(images)
        except PosekitError:
            raise
        except Exception as error:  # runtimes raise classes of their own
            reason = one_line(error, longest=200)
            raise CheckpointError(f"{self.path} cannot be run on {list(images.shape)}: {reason}") from error
        if len(outputs) != len(self.facts.outputs) or any(len(output) < count for output in outputs):
            shapes = [output.shape for output in outputs]
            raise CheckpointError(f"{self.path} gave outputs of the shapes {shapes}, not {list(self.facts.outputs)}")
        return [output[:count] for output in outputs]

    def _joined(self, outputs: Outputs, size: Size) -> Tensor:
        """Return split outputs as dense ones (B, 4 + nc + K * D + M, A) in pixels."""
        corner = torch.tensor((size[1], size[0], size[1], size[0]), dtype=torch.float32)[:, None]
        parts = [outputs["boxes"] * corner, outputs["scores"]]
        if "points" in outputs:
            points = outputs["points"].reshape(len(parts[0]), -1, 2, parts[0].shape[2]) * corner[:2]
            if "confidences" in outputs:
                points = torch.cat((points, outputs["confidences"][:, :, None]), 2)
            parts.append(points.flatten(1, 2))
        return torch.cat([*parts, *([outputs["coefficients"]] if "coefficients" in outputs else [])], 1)

    def _in_pixels(self, values: Tensor, size: Size) -> Tensor:
        """Return dense predictions or rows in pixels for those in fractions of the input."""
        is_dense = self.facts.layout == "dense"
        values = values.clone() if is_dense else values.transpose(1, 2).clone()
        corner = torch.tensor((size[1], size[0], size[1], size[0]), dtype=torch.float32)[:, None]
        values[:, :4] *= corner
        if self.schema is not None:
            first, (points, dims) = 4 + len(self.names) if is_dense else 6, self.schema.shape
            values[:, first : first + points * dims].view(len(values), points, dims, -1)[:, :, :2] *= corner[:2]
        return values if is_dense else values.transpose(1, 2)

    def _dense(self, values: Tensor, settings: DetectionSettings) -> tuple[Detected[Tensor], Tensor | None]:
        """Return what is chosen of all predictions (4 + nc + K * D + M, A) of a picture, and its mask coefficients."""
        nc = len(self.names)
        choice, scores = suppression(settings), values[4 : 4 + nc]
        if self.facts.selection == "rank":
            wanted = max(MIN_RANKED, choice.max_det)
            top, classes, anchors = (part[0] for part in rank_end2end(scores[None], wanted, agnostic=choice.agnostic))
            chosen = filter_ranked(top, classes, choice)
            top, classes, anchors = top[chosen], classes[chosen], anchors[chosen]
            boxes = xywh_to_xyxy(values[:4, anchors].T)
        else:
            candidates = select_candidates(scores, choice)
            boxes = xywh_to_xyxy(values[:4, candidates.anchors].T)
            kept = suppress(boxes, candidates, choice)
            boxes, best = boxes[kept], candidates.take(kept)
            top, classes, anchors = best.scores, best.classes, best.anchors
        return self._with_parts(Detected(boxes=boxes, scores=top, classes=classes), values[4 + nc :, anchors].T)

    def _rows(self, rows: Tensor, settings: DetectionSettings) -> tuple[Detected[Tensor], Tensor | None]:
        """Return what is wanted of the rows (max_det, 6 + K * D + M) of a picture, and its mask coefficients."""
        classes = rows[:, 5].long()
        chosen = filter_ranked(rows[:, 4], classes, suppression(settings))
        rows = rows[chosen]
        return self._with_parts(Detected(boxes=rows[:, :4], scores=rows[:, 4], classes=classes[chosen]), rows[:, 6:])

    def _with_parts(self, detected: Detected[Tensor], parts: Tensor) -> tuple[Detected[Tensor], Tensor | None]:
        """Return detections with their keypoints, and mask coefficients, of parts (n, K * D + M)."""
        coefficients = parts[:, parts.shape[1] - self.facts.masks :] if self.facts.masks else None
        if self.schema is None:
            return detected, coefficients
        count, dims = self.schema.shape
        keypoints = parts[:, : count * dims].reshape(-1, count, dims)
        if self._points is not None:
            keypoints = keypoints * self._points[detected.classes][..., None]
        return replace(detected, keypoints=keypoints), coefficients
