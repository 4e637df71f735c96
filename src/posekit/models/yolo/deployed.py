"""YOLO networks as graphs for files: decoded predictions of all anchor points, or the rows that are left of them.

What a graph holds here is what every runtime can run: no loops, no sizes that depend on what is found.
"""

from collections.abc import Sequence
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from posekit.config.settings import ExportSettings
from posekit.errors import SettingError
from posekit.models.contract import Deployed
from posekit.models.exported.facts import Dialect, Facts, Layout, Selection
from posekit.models.yolo.decode import DecodeRule, anchor_points, decode_boxes, decode_keypoints
from posekit.models.yolo.heads import Branch, BranchOutputs
from posekit.models.yolo.network import YoloNetwork, fuse_network
from posekit.ops.boxes import xyxy_to_xywh
from posekit.schema.schema import KeypointSchema
from posekit.version import __version__

MOST_CANDIDATES: Final = (
    512  # the best so many anchor points enter suppression in a graph; its time grows with the square
)
# A box is dropped by a kept one, which is kept because those that overlap it were dropped, and so on: chains longer
# than this are cut. In pictures they rarely have more than five members.
LONGEST_CHAIN: Final = 24


class DenseGraph(nn.Module):
    """Decoded predictions of all A anchor points.

    Args:
        network: fused, with one set of branches.
        size: (H, W) of the input.
        split: one output per range of values, as fractions of the input (see `forward`).
    """

    def __init__(self, network: YoloNetwork, size: tuple[int, int], *, split: bool) -> None:
        super().__init__()
        self.network = network
        self.branch: Branch = network.head.branches[0]
        self.rule = DecodeRule.of(network.head.spec)
        self.split = split
        height, width = size
        self.register_buffer("corner", torch.tensor((width, height, width, height), dtype=torch.float32)[:, None])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return (B, 4 + nc + K * D + M, A) and, with masks, prototypes (B, M, H / 4, W / 4).

        The channels of an anchor point: centre x, centre y, width, height in input pixels; class scores in 0 ... 1; the
        D values of each keypoint, in pixels and 0 ... 1; mask coefficients. Split, these are outputs of their own:
        boxes (B, 4, A) and points (B, K * 2, A) as fractions, scores (B, nc, A), confidences (B, K, A), coefficients
        (B, M, A), prototypes.
        """
        raw, boxes, points = self.decoded(images)
        scores = raw["scores"].sigmoid()
        coefficients = [raw["mask_coefficient"]] if "mask_coefficient" in raw else []
        protos = [raw["proto"]] if "proto" in raw else []
        if not self.split:
            flat = [] if points is None else [points.flatten(1, 2)]
            return (torch.cat((boxes, scores, *flat, *coefficients), 1), *protos)
        parts = [boxes / cast(Tensor, self.corner), scores]
        if points is not None:
            parts.append((points[:, :, :2] / cast(Tensor, self.corner)[:2]).flatten(1, 2))
            parts += [points[:, :, 2]] if points.shape[2] > 2 else []
        return (*parts, *coefficients, *protos)

    def decoded(self, images: Tensor) -> tuple[BranchOutputs, Tensor, Tensor | None]:
        """Return the raw outputs in 32 bits, centre boxes (B, 4, A), and keypoints (B, K, D, A) or None; in pixels."""
        dtype = next(self.network.parameters()).dtype
        outputs = self.network(images.to(dtype))[self.branch]
        parts = {key: value.float() for key, value in outputs.items() if isinstance(value, Tensor)}
        raw = cast(BranchOutputs, parts)
        anchors = anchor_points([feat.float() for feat in outputs["feats"]], self.network.strides)
        boxes = xyxy_to_xywh(decode_boxes(raw["boxes"], anchors, self.rule).transpose(1, 2)).transpose(1, 2)
        return raw, boxes, decode_keypoints(raw["kpts"], anchors, self.rule) if "kpts" in raw else None


class RowsGraph(nn.Module):
    """The best predictions, chosen in the graph, as a fixed number of rows.

    Args:
        dense: decodes all anchor points.
        settings: threshold and number of rows, and how branches with overlapping predictions are suppressed.
        own_points: (nc, K * D) of 0 and 1: which points the objects of a class have; None for all.
    """

    def __init__(self, dense: DenseGraph, settings: ExportSettings, own_points: Tensor | None) -> None:
        super().__init__()
        self.dense = dense
        self.rows = settings.max_det
        self.conf = settings.conf
        self.iou = settings.iou
        self.agnostic = settings.agnostic_nms
        self.dynamic = settings.dynamic
        self.register_buffer("own_points", own_points)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return rows (B, max_det, 6 + K * D + M), best first, and, with masks, prototypes (B, M, H / 4, W / 4).

        A row: corners x1 y1 x2 y2 in input pixels, not clipped; score; class; the D values of each keypoint; mask
        coefficients. Rows after the last detection are 0.
        """
        raw, boxes, points = self.dense.decoded(images)
        scores = raw["scores"].sigmoid()
        extra = [] if points is None else [points.flatten(1, 2)]
        extra += [raw["mask_coefficient"]] if "mask_coefficient" in raw else []
        values = torch.cat((boxes, *extra), 1).transpose(1, 2)  # (B, A, 4 + K * D + M)
        wanted = self.rows if self.dense.branch == "one2one" else max(self.rows, MOST_CANDIDATES)
        if self.dynamic or values.shape[1] < wanted:  # small inputs have fewer anchor points than rows are wanted
            values, scores = pad(values, (0, 0, 0, wanted)), pad(scores, (0, wanted))
        choose = self._ranked if self.dense.branch == "one2one" else self._suppressed
        top, classes, rows = choose(scores, values)
        found = (top > self.conf).to(values.dtype)[..., None]
        centre, half = rows[..., :2], rows[..., 2:4] / 2
        own = rows[..., 4:]
        if self.own_points is not None:
            count = cast(Tensor, self.own_points).shape[1]
            kept = cast(Tensor, self.own_points)[classes.long()]
            own = torch.cat((own[..., :count] * kept, own[..., count:]), 2)
        joined = torch.cat((centre - half, centre + half, top[..., None], classes[..., None], own), 2)
        return (joined * found, *([raw["proto"]] if "proto" in raw else []))

    def _ranked(self, scores: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the best pairs of anchor point and class: scores (B, n), classes (B, n), rows of values (B, n, C)."""
        nc = scores.shape[1]
        _, index = scores.amax(1).topk(self.rows, 1)
        kept = gather_rows(values, index)
        if nc == 1:
            top = scores[:, 0].gather(1, index)
            return top, torch.zeros_like(top), kept
        top, flat = gather_rows(scores.transpose(1, 2), index).flatten(1).topk(self.rows, 1)
        # In floating point: whole-number division comes out of exporters as operators that runtimes lack.
        row = (flat.to(torch.float32) / nc).floor()
        return top, flat.to(torch.float32) - row * nc, gather_rows(kept, row.long())

    def _suppressed(self, scores: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the anchor points that survive suppression, in the form of `_ranked`."""
        best = scores.amax(1)
        labels = scores.argmax(1) if scores.shape[1] > 1 else torch.zeros_like(best, dtype=torch.int64)
        top, index = best.topk(max(self.rows, MOST_CANDIDATES), 1)
        classes = labels.gather(1, index).to(values.dtype)
        kept = gather_rows(values, index)
        alive = surviving(kept[..., :4], classes, (top > self.conf).to(values.dtype), self)
        top, order = (top * alive).topk(self.rows, 1)
        return top, classes.gather(1, order), gather_rows(kept, order)


def surviving(boxes: Tensor, classes: Tensor, above: Tensor, rule: RowsGraph) -> Tensor:
    """Return (B, n) of 0 and 1: which boxes greedy suppression keeps.

    A box is dropped when it overlaps a kept better one. Written as products: what is kept follows from what was kept
    the time before, which settles after as many rounds as the longest chain of boxes that drop each other.

    Args:
        boxes: (B, n, 4) centre boxes, best first.
        classes: (B, n).
        above: (B, n) of 0 and 1: whether the score is above the threshold.
        rule: threshold of the IoU, and whether boxes of different classes suppress each other.
    """
    count = boxes.shape[1]
    centre, side = boxes[..., :2], boxes[..., 2:]
    near, far = centre - side / 2, centre + side / 2
    area = side[..., 0] * side[..., 1]
    width, height = (
        (
            torch.minimum(far[:, :, None, axis], far[:, None, :, axis])
            - torch.maximum(near[:, :, None, axis], near[:, None, :, axis])
        ).clamp(min=0)
        for axis in (0, 1)
    )
    shared = width * height
    over = (shared > rule.iou * (area[:, :, None] + area[:, None] - shared)).to(boxes.dtype)
    if not rule.agnostic:
        over = over * (classes[:, :, None] == classes[:, None]).to(boxes.dtype)
    rank = torch.arange(count, dtype=boxes.dtype, device=boxes.device)
    drops = over * (rank[:, None] > rank).to(boxes.dtype)  # [j, i]: i is better than j, and overlaps it
    kept = above
    for _ in range(LONGEST_CHAIN):
        kept = above * ((drops @ kept[..., None])[..., 0] < 0.5).to(boxes.dtype)
    return kept


def gather_rows(values: Tensor, index: Tensor) -> Tensor:
    """Return (B, n, C): for each picture the rows (B, A, C) with the indices (B, n)."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))


def deploy(
    network: YoloNetwork,
    schema: KeypointSchema | None,
    settings: ExportSettings,
    size: tuple[int, int],
    dialect: Dialect,
    *,
    own_points: Tensor | None,
    stride: int,
    license: str | None,
) -> Deployed:
    """Return the graph of a YOLO network; see `Network.deployed`.

    ``nms=True`` takes the branches with overlapping predictions and suppresses in the graph. Without it YOLO26 takes
    its one-to-one branches and ranks in the graph, where the format can and 8 bits would not move ranks; others give
    all predictions.
    """
    branches = network.head.branches
    branch: Branch = "one2one" if settings.nms is not True and "one2one" in branches else "one2many"
    if branch not in branches:
        raise SettingError(f"this network has only the {branches[0]} branches of its head: export with nms=None")
    if settings.nms and not dialect.ranking:
        raise SettingError(f"format={settings.format} has no nms=True: its runtime cannot rank; export with nms=None")
    if settings.nms and settings.precision == 8:
        raise SettingError("nms=True and int8=True exclude each other: 8 bits would choose other rows")
    fused = fuse_network(network, branch).to(torch.float16 if settings.half else torch.float32)
    rows = bool(settings.nms) or (branch == "one2one" and dialect.ranking and settings.precision != 8)
    dense = DenseGraph(fused, size, split=dialect.split and not rows)
    flat = None if own_points is None or schema is None else own_points.float().repeat_interleave(schema.shape[1], 1)
    module = RowsGraph(dense, settings, flat) if rows else dense
    spec = network.head.spec
    layout: Layout = "rows" if rows else "split" if dense.split else "dense"
    selection: Selection = "none" if rows else "rank" if branch == "one2one" else "suppress"
    return Deployed(
        module=module.eval().requires_grad_(False),
        facts=Facts(
            task=network.task,
            names=dict(network.names),
            schema=schema if spec.kpt_shape else None,
            placing="letterbox",
            stride=stride,
            imgsz=size,
            batch=settings.batch,
            dynamic=settings.dynamic,
            precision=settings.precision,
            layout=layout,
            selection=selection,
            unit="fractions" if layout == "split" else "pixels",
            outputs=_output_names(layout, spec.kpt_shape, spec.masks),
            masks=spec.masks,
            conf=settings.conf if rows else None,
            iou=settings.iou if settings.nms else None,
            max_det=settings.max_det if rows else None,
            license=license,
            version=__version__,
        ),
    )


def _output_names(layout: Layout, kpt_shape: tuple[int, int] | None, masks: int) -> tuple[str, ...]:
    protos: Sequence[str] = ["output1"] if masks else []
    if layout != "split":
        return ("output0", *protos)
    names = ["boxes", "scores"]
    if kpt_shape:
        names += ["points", "confidences"][: kpt_shape[1] - 1]
    return (*names, *(["coefficients", "prototypes"] if masks else []))
