"""A YOLO network made ready to predict: fused, on its device, with preparation and decoding."""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from posekit.config.predict import PredictSettings
from posekit.config.shared import DetectionSettings
from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.models.limits import warn_of_full_precision
from posekit.models.yolo.class_points import points_of_classes
from posekit.models.yolo.decode import AnchorPoints, DecodeRule, anchor_points, decode_dense, decode_keypoints
from posekit.models.yolo.detections import Detections, detect_dense, detect_one2many, detect_one2one
from posekit.models.yolo.fuse import fuse_network
from posekit.models.yolo.heads import Branch
from posekit.models.yolo.network import YoloNetwork
from posekit.models.yolo.outputs import BranchOutputs
from posekit.models.yolo.prepare import input_size, letterbox_batch
from posekit.models.yolo.tta import augmented_predictions
from posekit.ops.boxes import boxes_to_original, points_to_original
from posekit.ops.letterbox import Letterbox
from posekit.ops.masks import assemble_masks_at_network_size, assemble_masks_at_original_size, nonempty_masks
from posekit.ops.nms import Suppression
from posekit.results import Results
from posekit.sample import Batch, Sample
from posekit.schema import KeypointSchema

DEFAULT_IMGSZ = 640


class YoloInference:
    """What a YOLO network offers to the engine for prediction (see `models.contract`).

    Args:
        network: any YOLO network; it is copied and fused, the original stays as it is.
        schema: its keypoints; None without.
        device: where to run.
        half: compute in 16-bit floating point (accelerators only).
        one2one: use the NMS-free branches of a YOLO26 head.
    """

    def __init__(
        self,
        network: YoloNetwork,
        schema: KeypointSchema | None,
        *,
        device: torch.device,
        half: bool = False,
        one2one: bool = False,
    ) -> None:
        self.branch: Branch = "one2one" if one2one else "one2many"
        self.dtype = torch.float16 if half else torch.float32
        self.device = device
        self.network = self._made_ready(network)
        self.task = network.task
        self.names = dict(network.names)
        self.schema = schema
        self.rule = DecodeRule.of(network.head.spec)
        points = points_of_classes(schema, network.head.spec.nc)
        self._points = None if points is None else points.to(device)
        self._anchors: tuple[tuple[int, int], AnchorPoints] | None = None

    def _made_ready(self, network: YoloNetwork) -> YoloNetwork:
        """Return a fused copy on the device."""
        fused: YoloNetwork = fuse_network(network, self.branch).to(self.device, self.dtype)
        return fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def adapt(self, settings: PredictSettings) -> PredictSettings:
        """Return the settings with a possible input size, and without augmentation where it is not possible."""
        requested = settings.imgsz or DEFAULT_IMGSZ
        size = input_size(requested, self.network.max_stride)
        if size not in (requested, (requested, requested)):
            LOGGER.warning("imgsz=%s is no multiple of the stride: rounded up to %s", requested, list(size))
        if settings.augment and not self.can_augment:
            LOGGER.warning("augment=True works for detect models with suppression only: predicting without it")
        warn_of_full_precision(wanted_half=settings.half, is_half=self.dtype == torch.float16)
        return replace(settings, imgsz=size, augment=settings.augment and self.can_augment)

    def prepare(self, samples: list[Sample], settings: PredictSettings) -> Batch:
        """Letterbox pictures to ``settings.imgsz``."""
        stride = self.network.max_stride
        target = input_size(settings.imgsz or DEFAULT_IMGSZ, stride)
        return letterbox_batch(samples, target, rect=settings.rect, stride=stride)

    @torch.inference_mode()
    def run(self, batch: Batch, settings: DetectionSettings) -> BranchOutputs | Tensor:
        """Return the raw outputs of the selected branches; with augmentation, decoded (B, 4 + nc, A)."""
        images = self.on_device(batch)
        if settings.augment and self.can_augment:
            levels = len(self.network.strides)
            outputs = augmented_predictions(self._predict_dense, images, self.network.max_stride, levels)
        else:
            outputs = self.network(images)[self.branch]
        wait_for(self.device)
        return outputs

    # Not inference_mode: what users get are ordinary tensors, which they may change and compute with.
    @torch.no_grad()
    def decode(self, outputs: BranchOutputs | Tensor, batch: Batch, settings: PredictSettings) -> list[Results]:
        """Return one `Results` per picture, boxes, keypoints and masks in pixels of the original."""
        network = (batch.images.shape[2], batch.images.shape[3])
        results = []
        found = self.find(outputs, network, suppression(settings))
        for (raw, detections, points), sample, letterbox in zip(found, batch.samples, batch.letterboxes, strict=True):
            boxes = _boxes(detections, letterbox)
            if points is not None:
                points = points_to_original(points, letterbox)
            masks = self._masks(raw, detections, boxes, sample, network, retina=settings.retina_masks)
            results.append(self._results(sample, boxes, points, masks))
        return results

    def find(
        self, outputs: BranchOutputs | Tensor, network: tuple[int, int], choice: Suppression
    ) -> Iterator[tuple[BranchOutputs, Detections, Tensor | None]]:
        """Yield for each picture its raw outputs, its detections and their keypoints (n, K, D) in network pixels.

        Args:
            outputs: what `run` returned; of decoded ones the raw outputs are empty.
            network: (H, W) of the input.
            choice: threshold and suppression.
        """
        if isinstance(outputs, Tensor):
            for decoded in outputs:
                yield {}, detect_dense(decoded.float(), choice), None
            return
        anchors = self._anchor_points(outputs["feats"], network)
        detect = detect_one2one if self.branch == "one2one" else detect_one2many
        for index in range(len(outputs["scores"])):
            raw = _picture(outputs, index)
            detections = detect(raw, anchors, self.rule, choice)
            yield raw, detections, self._keypoints(raw, detections, anchors)

    @torch.no_grad()
    def embed(self, batch: Batch, layers: list[int]) -> list[Tensor]:
        """Return one feature vector (C,) per picture: the mean of the named layers' maps, joined.

        Raises:
            SettingError: there is no layer of such a number before the head.
        """
        last = len(self.network.model) - 2
        if not layers or max(layers) > last:
            raise SettingError(f"embed={layers}: name layers from 0 to {last}, those before the head")
        maps = self.network.feature_maps(self.on_device(batch), layers)
        return list(torch.cat([maps[layer].mean((2, 3)) for layer in layers], 1).float())

    @torch.inference_mode()
    def feature_maps(self, batch: Batch) -> dict[str, Tensor]:
        """Return the output of every layer but the head, (B, C, H, W), named ``<index>_<block>``."""
        body = list(range(len(self.network.model) - 1))
        maps = self.network.feature_maps(self.on_device(batch), body)
        return {f"{index}_{self.network.definition.layers[index].block}": maps[index] for index in body}

    def on_device(self, batch: Batch) -> Tensor:
        """Return (B, 3, H, W) float in [0, 1], on the device, in channels-last memory order.

        Arithmetic waits until here: a thread that computes with PyTorch keeps a pool of its own busy, so
        pictures are only copied in the background, and travel to the device as bytes.
        """
        images = batch.images.to(self.device)
        scaled = images / 255 if images.dtype == torch.uint8 else images  # bytes become float32 on division
        return scaled.to(self.dtype).contiguous(memory_format=torch.channels_last)

    @property
    def can_augment(self) -> bool:
        """Whether test-time augmentation is possible."""
        return self.task == "detect" and self.branch == "one2many"

    def _predict_dense(self, images: Tensor) -> Tensor:
        return decode_dense(self.network(images)[self.branch], self.rule, self.network.strides)

    def _anchor_points(self, feats: list[Tensor], network: tuple[int, int]) -> AnchorPoints:
        """Return the anchor points in float32; those of the last input size are kept, as sizes rarely change."""
        if self._anchors is None or self._anchors[0] != network:
            anchors = anchor_points(feats, self.network.strides)
            self._anchors = (
                network,
                AnchorPoints(points=anchors.points.float(), strides=anchors.strides.float()),
            )
        return self._anchors[1]

    def _keypoints(self, raw: BranchOutputs, detections: Detections, anchors: AnchorPoints) -> Tensor | None:
        """Return (n, K, D) in network pixels, zeros for points that a class does not have; None without keypoints."""
        if "kpts" not in raw:
            return None
        chosen = raw["kpts"][:, detections.anchors].float()
        points = decode_keypoints(chosen, anchors.take(detections.anchors), self.rule).permute(2, 0, 1)
        return points if self._points is None else points * self._points[detections.classes][..., None]

    def _masks(
        self,
        raw: BranchOutputs,
        detections: Detections,
        boxes: Tensor,
        sample: Sample,
        network: tuple[int, int],
        *,
        retina: bool,
    ) -> Tensor | None:
        """Return (n, H, W) uint8 at network size, or at the size of the original picture with `retina`."""
        if "proto" not in raw:
            return None
        protos, weights = raw["proto"].float(), raw["mask_coefficient"][:, detections.anchors].float().T
        if retina:
            return assemble_masks_at_original_size(protos, weights, boxes[:, :4], sample.size)
        return assemble_masks_at_network_size(protos, weights, detections.boxes, network)

    def _results(
        self, sample: Sample, boxes: Tensor, points: Tensor | None = None, masks: Tensor | None = None
    ) -> Results:
        if masks is not None and points is None:  # with keypoints an object is more than its mask
            seen = nonempty_masks(masks)
            boxes, masks = boxes[seen], masks[seen]
        return Results(
            orig_img=sample.image if sample.tensor is None else sample.tensor,
            path=sample.path,
            names=self.names,
            boxes=boxes,
            masks=masks if masks is not None and len(masks) else None,
            keypoints=points,
            schema=self.schema,
        )


def suppression(settings: DetectionSettings) -> Suppression:
    """Return how detections are chosen."""
    return Suppression(
        conf=settings.conf,
        iou=settings.iou,
        max_det=settings.max_det,
        classes=settings.classes,
        agnostic=settings.agnostic_nms,
    )


def wait_for(device: torch.device) -> None:
    """Let an accelerator finish, so that times are those of the work itself."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _picture(outputs: BranchOutputs, index: int) -> BranchOutputs:
    """Return one picture's outputs without the batch axis (and without feature maps)."""
    parts = {key: value[index] for key, value in outputs.items() if isinstance(value, Tensor)}
    return cast(BranchOutputs, parts)


def _boxes(detections: Detections, letterbox: Letterbox) -> Tensor:
    """Return (n, 6) rows x1 y1 x2 y2 score class in original pixels."""
    corners = boxes_to_original(detections.boxes, letterbox)
    return torch.cat((corners, detections.scores[:, None], detections.classes[:, None].float()), 1)
