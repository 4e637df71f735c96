"""A YOLO network made ready to predict and to be measured: on its device, fused, with decoding."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from posekit.config.settings import DEFAULT_IMGSZ, DetectionSettings, PredictSettings, ValSettings
from posekit.errors import SettingError
from posekit.models.contract import AnySettings, MaskSize
from posekit.models.shared import adapted, mean_vectors, on_device, wait_for
from posekit.models.yolo.decode import (
    AnchorPoints,
    DecodeRule,
    Survivors,
    anchor_points,
    augmented_predictions,
    decode_dense,
    decode_keypoints,
    detect_dense,
    detect_one2many,
    detect_one2one,
)
from posekit.models.yolo.heads import Branch, BranchOutputs, Outputs
from posekit.models.yolo.network import YoloNetwork, fuse_network
from posekit.ops.boxes import boxes_to_original
from posekit.ops.letterbox import Letterbox
from posekit.ops.masks import (
    assemble_masks_at_network_size,
    assemble_masks_at_original_size,
    assemble_masks_at_prototype_size,
)
from posekit.ops.nms import Suppression
from posekit.placing import Letterboxing, Placing
from posekit.results.detected import Detected
from posekit.sample import Batch
from posekit.schema.schema import KeypointSchema

MIN_STRIDE = 32  # inputs are multiples of this even for networks with smaller strides


def placing_of(network: YoloNetwork) -> Letterboxing:
    """Return how pictures come into a network."""
    return Letterboxing(max(MIN_STRIDE, network.max_stride))


def points_of_classes(schema: KeypointSchema | None, nc: int) -> Tensor | None:
    """Return (nc, K) bool: whether objects of a class have a keypoint; None when all have all, or there are none."""
    if schema is None or schema.classes is None:
        return None
    counts = torch.tensor([schema.points_of(label) for label in range(nc)])
    return torch.arange(schema.count) < counts[:, None]


class YoloInference:
    """A `Model` of a YOLO network, which can be looked into, too.

    Args:
        network: any YOLO network.
        schema: its keypoints; None without.
        device: where to run.
        half: compute in 16-bit floating point (accelerators only).
        one2one: use the NMS-free branches of a YOLO26 head.
        fused: run a fused copy, of these branches alone; False runs the network as it is, on the device.
    """

    def __init__(
        self,
        network: YoloNetwork,
        schema: KeypointSchema | None,
        *,
        device: torch.device,
        half: bool = False,
        one2one: bool = False,
        fused: bool = True,
    ) -> None:
        self.branch: Branch = "one2one" if one2one else "one2many"
        self.dtype = torch.float16 if half else torch.float32
        self.device = device
        self.network = network
        if fused:
            copy: YoloNetwork = fuse_network(network, self.branch).to(device, self.dtype)
            self.network = copy.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.task = network.task
        self.names = dict(network.names)
        self.schema = schema
        self.placing: Placing = placing_of(network)
        self.imgsz: int | tuple[int, int] = DEFAULT_IMGSZ
        self.rule = DecodeRule.of(network.head.spec)
        self.can_augment = self.task == "detect" and self.branch == "one2many"
        points = points_of_classes(schema, network.head.spec.nc)
        self._points = None if points is None else points.to(device)
        self._anchors: tuple[tuple[int, int], AnchorPoints] | None = None

    def adapt(self, settings: AnySettings) -> AnySettings:
        """See `Model`: augmentation is for detect models with suppression."""
        is_half, augmenting = self.dtype == torch.float16, "detect models with suppression"
        return adapted(self, settings, is_half=is_half, augments=self.can_augment, augmenting=augmenting)

    @torch.inference_mode()
    def run(self, batch: Batch, settings: DetectionSettings) -> Outputs | Tensor:
        """Return the raw outputs by branch; with augmentation, decoded (B, 4 + nc, A)."""
        images = self._input(batch)
        outputs: Outputs | Tensor
        if settings.augment and self.can_augment:
            levels = len(self.network.strides)
            outputs = augmented_predictions(self._predict_dense, images, self.network.max_stride, levels)
        else:
            outputs = self.network(images)
        wait_for(self.device)
        return outputs

    # Not inference_mode: what users get are ordinary tensors, which they may change and compute with.
    @torch.no_grad()
    def detect(
        self, outputs: Outputs | Tensor, batch: Batch, settings: DetectionSettings, masks: MaskSize
    ) -> list[Detected[Tensor]]:
        """See `Model`."""
        choice = suppression(settings)
        if isinstance(outputs, Tensor):
            return [detect_dense(decoded.float(), choice)[0] for decoded in outputs]
        found = []
        network = (batch.images.shape[2], batch.images.shape[3])
        parts = self._pictures(outputs[self.branch], network, choice)
        for letterbox, (raw, (detected, anchors)) in zip(batch.letterboxes, parts, strict=True):
            keypoints = self._keypoints(raw, detected, anchors)
            made = None
            if "proto" in raw:
                weights = raw["mask_coefficient"][:, anchors].T
                made = picture_masks(raw["proto"], weights, detected.boxes, letterbox, masks)
            found.append(replace(detected, keypoints=keypoints, masks=made))
        return found

    @torch.no_grad()
    def embed(self, batch: Batch, layers: list[int]) -> list[Tensor]:
        """See `Inside`: maps are those of the layers before the head."""
        last = len(self.network.model) - 2
        if not layers or max(layers) > last:
            raise SettingError(f"embed={layers}: name layers from 0 to {last}, those before the head")
        maps = self.network.feature_maps(self._input(batch), layers)
        return mean_vectors([maps[layer] for layer in layers])

    @torch.inference_mode()
    def feature_maps(self, batch: Batch) -> dict[str, Tensor]:
        """See `Inside`: names are ``<index>_<block>``."""
        body = list(range(len(self.network.model) - 1))
        maps = self.network.feature_maps(self._input(batch), body)
        return {f"{index}_{self.network.definition.layers[index].block}": maps[index] for index in body}

    def _input(self, batch: Batch) -> Tensor:
        return on_device(batch, self.device).to(self.dtype).contiguous(memory_format=torch.channels_last)

    def _predict_dense(self, images: Tensor) -> Tensor:
        return decode_dense(self.network(images)[self.branch], self.rule, self.network.strides)

    def _pictures(
        self, outputs: BranchOutputs, network: tuple[int, int], choice: Suppression
    ) -> Iterator[tuple[BranchOutputs, Survivors]]:
        """Yield the raw outputs of each picture, without the batch axis, and what is found in them."""
        if self._anchors is None or self._anchors[0] != network:  # sizes rarely change
            made = anchor_points(outputs["feats"], self.network.strides)
            self._anchors = network, AnchorPoints(points=made.points.float(), strides=made.strides.float())
        detect = detect_one2one if self.branch == "one2one" else detect_one2many
        for index in range(len(outputs["scores"])):
            parts = {key: value[index] for key, value in outputs.items() if isinstance(value, Tensor)}
            raw = cast(BranchOutputs, parts)
            yield raw, detect(raw, self._anchors[1], self.rule, choice)

    def _keypoints(self, raw: BranchOutputs, detected: Detected[Tensor], anchors: Tensor) -> Tensor | None:
        """Return (n, K, D) in network pixels, zeros for points that a class does not have; None without keypoints."""
        if "kpts" not in raw or self._anchors is None:
            return None
        chosen = raw["kpts"][:, anchors].float()
        points = decode_keypoints(chosen, self._anchors[1].take(anchors), self.rule).permute(2, 0, 1)
        return points if self._points is None else points * self._points[detected.classes][..., None]


def suppression(settings: DetectionSettings) -> Suppression:
    """Return how detections are chosen; for validation an anchor point may be several classes at once."""
    return Suppression(
        conf=settings.conf,
        iou=settings.iou,
        max_det=settings.max_det,
        classes=settings.classes,
        agnostic=settings.agnostic_nms,
        multi_label=isinstance(settings, ValSettings),
    )


def picture_masks(protos: Tensor, weights: Tensor, boxes: Tensor, letterbox: Letterbox, size: MaskSize) -> Tensor:
    """Return the masks (n, h, w) of a picture's n detections.

    Args:
        protos: (M, H / 4, W / 4) prototypes.
        weights: (n, M) of the prototypes.
        boxes: (n, 4) in network pixels.
        letterbox: how the picture was placed.
        size: at which size masks are wanted.
    """
    protos, weights = protos.float(), weights.float()
    if size == "original":
        return assemble_masks_at_original_size(protos, weights, boxes_to_original(boxes, letterbox), letterbox.original)
    assemble = assemble_masks_at_prototype_size if size == "prototypes" else assemble_masks_at_network_size
    return assemble(protos, weights, boxes, letterbox.network)


class ReadyNetwork:
    """The fused copy that predicts, made anew when weights, names, device, precision or branches change."""

    def __init__(self) -> None:
        self._inference: YoloInference | None = None
        self._watch: _Watch | None = None
        self._key: tuple[Any, ...] = ()

    def get(
        self,
        network: YoloNetwork,
        schema: KeypointSchema | None,
        settings: PredictSettings | ValSettings,
        device: torch.device,
    ) -> YoloInference:
        """Return the network ready to run on a device, in the precision and with the branches asked for.

        Raises:
            SettingError: ``nms`` asks for branches that the network lacks.
        """
        half = settings.half and device.type != "cpu"
        one2one = settings.nms is False
        branches = network.head.branches
        if ("one2one" if one2one else "one2many") not in branches:
            other = "nms=True" if one2one else "nms=False"
            raise SettingError(f"this network has only the {branches[0]} branches of its head: predict with {other}")
        if self._watch is None or self._watch.network is not network:
            self._watch, self._inference = _Watch(network), None
        key = (device, half, one2one, schema, dict(network.names), self._watch.state())
        if self._inference is None or self._key != key:
            self._inference = YoloInference(network, schema, device=device, half=half, one2one=one2one)
            self._key = key
        return self._inference


class _Watch:
    """Tells when a weight of one network is replaced or written to, in a fraction of a millisecond.

    The modules are walked once, as that takes milliseconds; their stores of tensors are what is watched.
    """

    def __init__(self, network: YoloNetwork) -> None:
        self.network = network
        stores = (store for module in network.modules() for store in (module._parameters, module._buffers))
        self._stores = [store for store in stores if store]

    def state(self) -> tuple[list[int], list[int]]:
        """Return what changes with the weights: where each tensor is, and how often PyTorch saw it written to."""
        tensors = [tensor for store in self._stores for tensor in store.values() if tensor is not None]
        if any(map(torch.is_inference, tensors)):  # these do not count writes
            return [tensor.data_ptr() for tensor in tensors], []
        return [tensor.data_ptr() for tensor in tensors], [tensor._version for tensor in tensors]
