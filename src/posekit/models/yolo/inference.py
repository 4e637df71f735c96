"""A YOLO network made ready to predict: fused, on its device, with preparation and decoding."""

import logging
from typing import cast

import torch
from torch import Tensor

from posekit.config.predict import PredictSettings
from posekit.errors import SettingError
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

LOGGER = logging.getLogger("posekit")
DEFAULT_IMGSZ = 640


class YoloInference:
    """What a YOLO network offers to the engine for prediction (see `models.contract`).

    Args:
        network: any YOLO network; it is copied and fused, the original stays as it is.
        schema: its keypoints; None without.
        device: where to run.
        half: compute in 16-bit floating point (accelerators only).
        one2one: use the NMS-free branches of a YOLO26 head.
        imgsz: input size when none is asked for.
    """

    def __init__(
        self,
        network: YoloNetwork,
        schema: KeypointSchema | None,
        *,
        device: torch.device,
        half: bool = False,
        one2one: bool = False,
        imgsz: int | tuple[int, int] = DEFAULT_IMGSZ,
    ) -> None:
        self.branch: Branch = "one2one" if one2one else "one2many"
        self.dtype = torch.float16 if half else torch.float32
        fused = fuse_network(network, self.branch)
        self.network: YoloNetwork = fused.to(device, self.dtype)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device
        self.task = network.task
        self.names = dict(network.names)
        self.schema = schema
        self.imgsz = imgsz
        self.rule = DecodeRule.of(network.head.spec)

    def prepare(self, samples: list[Sample], settings: PredictSettings) -> Batch:
        """Letterbox pictures to ``settings.imgsz`` (or the size the model remembers)."""
        stride = self.network.max_stride
        target = input_size(settings.imgsz or self.imgsz, stride)
        return letterbox_batch(samples, target, rect=settings.rect, stride=stride)

    @torch.inference_mode()
    def run(self, batch: Batch, settings: PredictSettings) -> BranchOutputs | Tensor:
        """Return the raw outputs of the selected branches; with augmentation, decoded (B, 4 + nc, A)."""
        images = self._on_device(batch)
        if not self._augments(settings):
            return self.network(images)[self.branch]  # type: ignore[no-any-return]
        levels = len(self.network.strides)
        return augmented_predictions(self._predict_dense, images, self.network.max_stride, levels)

    @torch.inference_mode()
    def decode(self, outputs: BranchOutputs | Tensor, batch: Batch, settings: PredictSettings) -> list[Results]:
        """Return one `Results` per picture, boxes, keypoints and masks in pixels of the original."""
        choice = _suppression(settings)
        pictures = list(zip(batch.samples, batch.letterboxes, strict=True))
        if isinstance(outputs, Tensor):
            found = [detect_dense(decoded.float(), choice) for decoded in outputs]
            return [self._results(sample, _boxes(d, box)) for d, (sample, box) in zip(found, pictures, strict=True)]
        anchors = anchor_points(outputs["feats"], self.network.strides)
        anchors = AnchorPoints(points=anchors.points.float(), strides=anchors.strides.float())
        network = (batch.images.shape[2], batch.images.shape[3])
        detect = detect_one2one if self.branch == "one2one" else detect_one2many
        results = []
        for index, (sample, letterbox) in enumerate(pictures):
            raw = _picture(outputs, index)
            detections = detect(raw, anchors, self.rule, choice)
            boxes = _boxes(detections, letterbox)
            points = self._keypoints(raw, detections, anchors, letterbox)
            masks = self._masks(raw, detections, boxes, sample, network, retina=settings.retina_masks)
            results.append(self._results(sample, boxes, points, masks))
        return results

    @torch.inference_mode()
    def embed(self, batch: Batch, layers: list[int]) -> list[Tensor]:
        """Return one feature vector (C,) per picture: the mean of the named layers' maps, joined."""
        maps = self.network.feature_maps(self._on_device(batch), layers)
        return list(torch.cat([maps[layer].mean((2, 3)) for layer in layers], 1).float())

    @torch.inference_mode()
    def feature_maps(self, batch: Batch) -> dict[str, Tensor]:
        """Return the output of every layer but the head, (B, C, H, W), named ``<index>_<block>``."""
        body = list(range(len(self.network.model) - 1))
        maps = self.network.feature_maps(self._on_device(batch), body)
        return {f"{index}_{self.network.definition.layers[index].block}": maps[index] for index in body}

    def _on_device(self, batch: Batch) -> Tensor:
        return batch.images.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)

    def _augments(self, settings: PredictSettings) -> bool:
        possible = self.task == "detect" and self.branch == "one2many"
        if settings.augment and not possible:
            LOGGER.warning("augment=True works for detect models with suppression only: predicting without it")
        return settings.augment and possible

    def _predict_dense(self, images: Tensor) -> Tensor:
        return decode_dense(self.network(images)[self.branch], self.rule, self.network.strides)

    def _keypoints(
        self,
        raw: BranchOutputs,
        detections: Detections,
        anchors: AnchorPoints,
        letterbox: Letterbox,
    ) -> Tensor | None:
        """Return (n, K, D) in original pixels, or None when the head has no keypoints."""
        if "kpts" not in raw:
            return None
        chosen = raw["kpts"][:, detections.anchors].float()
        points = decode_keypoints(chosen, anchors.take(detections.anchors), self.rule).permute(2, 0, 1)
        return points_to_original(points, letterbox)

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
        if masks is not None:
            seen = nonempty_masks(masks)
            boxes, masks = boxes[seen], masks[seen]
            points = points[seen] if points is not None else None
        return Results(
            orig_img=sample.image if sample.tensor is None else sample.tensor,
            path=sample.path,
            names=self.names,
            boxes=boxes,
            masks=masks if masks is not None and len(masks) else None,
            keypoints=points,
            schema=self.schema,
        )


def make_ready(
    network: YoloNetwork,
    schema: KeypointSchema | None,
    settings: PredictSettings,
    device: torch.device,
    imgsz: int | tuple[int, int],
) -> YoloInference:
    """Return a fused copy of a network on a device, in the precision and with the branches asked for.

    Raises:
        SettingError: ``nms`` asks for branches that the network lacks.
    """
    half = settings.half and device.type != "cpu"
    if settings.half and not half:
        LOGGER.warning("half=True: 16-bit arithmetic needs an accelerator; computing in 32 bits on the CPU")
    one2one = settings.nms is False
    branches = network.head.branches
    if ("one2one" if one2one else "one2many") not in branches:
        other = "nms=True" if one2one else "nms=False"
        raise SettingError(f"this network has only the {branches[0]} branches of its head: predict with {other}")
    return YoloInference(network, schema, device=device, half=half, one2one=one2one, imgsz=imgsz)


def _suppression(settings: PredictSettings) -> Suppression:
    return Suppression(
        conf=settings.conf,
        iou=settings.iou,
        max_det=settings.max_det,
        classes=settings.classes,
        agnostic=settings.agnostic_nms,
    )


def _picture(outputs: BranchOutputs, index: int) -> BranchOutputs:
    """Return one picture's outputs without the batch axis (and without feature maps)."""
    parts = {key: value[index] for key, value in outputs.items() if isinstance(value, Tensor)}
    return cast(BranchOutputs, parts)


def _boxes(detections: Detections, letterbox: Letterbox) -> Tensor:
    """Return (n, 6) rows x1 y1 x2 y2 score class in original pixels."""
    corners = boxes_to_original(detections.boxes, letterbox)
    return torch.cat((corners, detections.scores[:, None], detections.classes[:, None].float()), 1)
