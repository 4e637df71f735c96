"""A YOLO network made ready to predict: fused, on its device, with preparation and decoding."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor

from posekit.config.settings import DetectionSettings, PredictSettings, ValSettings
from posekit.errors import SettingError, SourceValueError
from posekit.log import LOGGER
from posekit.models.contract import Detected, check_val_settings, warn_of_full_precision
from posekit.models.yolo.decode import (
    AnchorPoints,
    DecodeRule,
    Detections,
    anchor_points,
    augmented_predictions,
    decode_dense,
    decode_keypoints,
    detect_dense,
    detect_one2many,
    detect_one2one,
)
from posekit.models.yolo.heads import Branch, BranchOutputs
from posekit.models.yolo.network import YoloNetwork, fuse_network
from posekit.models.yolo.weights import LoadedModel
from posekit.ops.boxes import boxes_to_original, points_to_original
from posekit.ops.letterbox import (
    BatchPlan,
    Letterbox,
    apply_letterbox,
    plan_letterbox,
    plan_rect_batches,
    plan_square_batches,
)
from posekit.ops.masks import (
    assemble_masks_at_network_size,
    assemble_masks_at_original_size,
    assemble_masks_at_prototype_size,
    nonempty_masks,
)
from posekit.ops.nms import Suppression
from posekit.results.results import Results
from posekit.sample import Batch, Picture, Sample
from posekit.schema.schema import KeypointSchema


def points_of_classes(schema: KeypointSchema | None, nc: int) -> Tensor | None:
    """Return (nc, K) bool: whether objects of a class have a keypoint; None when all have all, or there are none.

    Args:
        schema: the keypoints.
        nc: number of classes.
    """
    if schema is None or schema.classes is None:
        return None
    counts = torch.tensor([schema.points_of(label) for label in range(nc)])
    return torch.arange(schema.count) < counts[:, None]


MIN_STRIDE = 32  # inputs are multiples of this even for networks with smaller strides


def input_size(imgsz: int | tuple[int, int], stride: int) -> tuple[int, int]:
    """Return (H, W) for a requested side or (H, W), each rounded up to a multiple of the stride (at least 32)."""
    requested = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
    step = max(MIN_STRIDE, stride)
    height, width = (max(ceil(side / step), 1) * step for side in requested)
    return height, width


def letterbox_batch(samples: list[Sample], target: tuple[int, int], *, rect: bool, stride: int) -> Batch:
    """Place pictures into one input.

    Args:
        samples: pictures (H, W, 3) uint8 BGR of any sizes, or ready tensors (all of one size).
        target: (H, W) to fit into.
        rect: pad only to the next stride multiple when all pictures have the same shape.
        stride: largest stride of the network.

    Returns:
        images (B, 3, H, W) RGB: uint8 in channels-last memory order, or the ready float tensors.

    Raises:
        SourceValueError: a side of the ready tensors is no multiple of the stride.
    """
    step = max(MIN_STRIDE, stride)
    ready = [sample.tensor for sample in samples if sample.tensor is not None]
    if ready:
        _check_sides(samples[0].size, step)
        return _batch(torch.stack(ready), samples)
    auto = rect and len({sample.size for sample in samples}) == 1
    plans = [plan_letterbox(sample.size, target, auto=auto, stride=step) for sample in samples]
    boxed = [apply_letterbox(sample.image, plan) for sample, plan in zip(samples, plans, strict=True)]
    return _batch(pictures_to_tensor(boxed), samples)


def pictures_to_tensor(pictures: list[Picture]) -> Tensor:
    """Stack B pictures (H, W, 3) uint8 BGR to (B, 3, H, W) uint8 RGB, in channels-last memory order."""
    stacked = np.empty((len(pictures), *pictures[0].shape), np.uint8)
    for place, picture in zip(stacked, pictures, strict=True):
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=place)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2)


def _check_sides(size: tuple[int, int], step: int) -> None:
    if size[0] % step or size[1] % step:
        raise SourceValueError(
            f"tensor source of {size[0]}x{size[1]} pixels: height and width must be multiples of {step} for this model"
        )


def _batch(images: Tensor, samples: list[Sample]) -> Batch:
    network = (images.shape[2], images.shape[3])
    return Batch(
        images=images,
        samples=samples,
        letterboxes=[Letterbox.between(network, sample.size) for sample in samples],
    )


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


class ReadyNetwork:
    """The fused copy that predicts, made anew when weights, names, device, precision or branches change."""

    def __init__(self) -> None:
        self._inference: YoloInference | None = None
        self._watch: _Watch | None = None
        self._key: tuple[Any, ...] = ()

    def get(self, loaded: LoadedModel, settings: PredictSettings | ValSettings, device: torch.device) -> YoloInference:
        """Return `loaded` ready to run on a device, in the precision and with the branches asked for.

        Raises:
            SettingError: ``nms`` asks for branches that the network lacks.
        """
        half = settings.half and device.type != "cpu"
        one2one = settings.nms is False
        _check_branches(loaded.network, one2one=one2one)
        if self._watch is None or self._watch.network is not loaded.network:
            self._watch, self._inference = _Watch(loaded.network), None
        key = (device, half, one2one, loaded.schema, dict(loaded.network.names), self._watch.state())
        if self._inference is None or self._key != key:
            self._inference = YoloInference(loaded.network, loaded.schema, device=device, half=half, one2one=one2one)
            self._key = key
        return self._inference


def _check_branches(network: YoloNetwork, *, one2one: bool) -> None:
    branches = network.head.branches
    if ("one2one" if one2one else "one2many") not in branches:
        other = "nms=True" if one2one else "nms=False"
        raise SettingError(f"this network has only the {branches[0]} branches of its head: predict with {other}")


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
