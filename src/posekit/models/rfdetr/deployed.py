"""RF-DETR networks as graphs for files: what the last layer says of every query, or rows of the best.

Graphs are for inputs of one size. They hold what the last layer needs, and one of the groups of queries.
"""

from copy import deepcopy
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from posekit.config.settings import ExportSettings
from posekit.errors import SettingError
from posekit.models.contract import Deployed
from posekit.models.exported.facts import Dialect, Facts
from posekit.models.rfdetr.architecture import KeypointSlots, Layout
from posekit.models.rfdetr.backbone import Backbone
from posekit.models.rfdetr.decode import FINDABLE, PLACE, PRECISION, fused_scores
from posekit.models.rfdetr.decoder import DecoderLayer, DeformableAttention, take_rows
from posekit.models.rfdetr.network import Predictions
from posekit.models.rfdetr.preview import KeypointDecoder
from posekit.models.rfdetr.rewritten import (
    FlatBackbone,
    FlatTransformer,
    FlatWaves,
    Narrow,
    SampledAttention,
    TentAttention,
    Wide,
)
from posekit.models.rfdetr.weights import AnyNetwork
from posekit.schema.schema import KeypointSchema
from posekit.version import __version__

QUERY_OUTPUTS: Final = ("dets", "labels", "keypoints")
ROW_OUTPUTS: Final = ("output0",)


class QueriesGraph(nn.Module):
    """What the last layer says of all Q queries.

    Args:
        network: made by `flattened`.
    """

    def __init__(self, network: AnyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return boxes (B, Q, 4), class logits (B, Q, C) and, where there are some, keypoints.

        Boxes are centre x, centre y, width, height as fractions of the input. Keypoints are (B, Q, K, 3), x, y as
        fractions and a logit of visibility; those of the keypoint preview are (B, Q, slots * K, 8), see `preview`.
        """
        last = self.predictions(images)
        return (last.boxes, last.logits, *([] if last.keypoints is None else [last.keypoints]))

    def predictions(self, images: Tensor) -> Predictions:
        """Return the predictions of the last layer, in 32 bits."""
        return self.network.last_layer(images).last


class RowsGraph(nn.Module):
    """The best pairs of query and class, chosen in the graph, as a fixed number of rows.

    Args:
        queries: says something of all queries.
        layout: of the network.
        names: class names by index.
        settings: threshold and number of rows.
        size: (H, W) of the input.
    """

    corner: Tensor
    named: Tensor

    def __init__(
        self,
        queries: QueriesGraph,
        layout: Layout,
        names: dict[int, str],
        settings: ExportSettings,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.queries = queries
        self.conf = settings.conf
        self.rows = settings.max_det
        self.classes = layout.class_rows
        architecture = layout.architecture
        self.pairs = min(architecture.detections, architecture.queries * self.classes)
        self.slots = None if layout.slots is None else SlotKeypoints(layout.slots)
        self.register_buffer("corner", torch.tensor((size[1], size[0]), dtype=torch.float32))
        self.register_buffer("named", torch.tensor([float(index in names) for index in range(self.classes)]))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return rows (B, max_det, 6 + K * 3), best first.

        A row: corners x1 y1 x2 y2 in input pixels, not clipped; score; class; x, y in input pixels and confidence of
        each keypoint. Rows after the last detection are 0.
        """
        last = self.queries.predictions(images)
        scores, pairs = last.logits.sigmoid().flatten(1).topk(self.pairs, 1)
        # In floating point: whole-number division comes out of exporters as operators that runtimes lack.
        query = (pairs.to(torch.float32) / self.classes).floor()
        labels = (pairs.to(torch.float32) - query * self.classes).round()
        boxes = take_rows(last.boxes, query.long())
        centre, half = boxes[..., :2] * self.corner, boxes[..., 2:] * self.corner / 2
        parts = [centre - half, centre + half]
        points: Tensor | None = None
        if last.keypoints is not None:
            points = take_rows(last.keypoints.flatten(2), query.long())
            points = points.view(-1, self.pairs, *last.keypoints.shape[2:])
            if self.slots is None:
                points = torch.cat((points[..., :2], points[..., 2:].sigmoid()), -1)
            else:
                scores, points = self.slots(scores, labels, points)
            points = torch.cat((points[..., :2] * self.corner, points[..., 2:]), -1).flatten(2)
        valid = (scores > self.conf).to(scores.dtype) * self.named[labels.long()]
        values = [*parts, scores[..., None], labels[..., None], *([] if points is None else [points])]
        found = torch.cat(values, 2) * valid[..., None]
        if self.pairs < self.rows:
            found = nn.functional.pad(found, (0, 0, 0, self.rows - self.pairs))
        # Fused scores have another order, and rows without a name leave gaps.
        order = found[..., 4].topk(self.rows, 1).indices
        return (take_rows(found, order),)


class SlotKeypoints(nn.Module):
    """The keypoints that objects of the keypoint preview have by their class, and scores that mind their spread."""

    used: Tensor
    numbers: Tensor

    def __init__(self, slots: KeypointSlots) -> None:
        super().__init__()
        self.register_buffer("used", slots.mask().float())
        self.register_buffer("numbers", torch.arange(slots.widest, dtype=torch.float32))

    def forward(self, scores: Tensor, classes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B, n) and keypoints (B, n, K, 3): x, y as fractions, confidence; see `find_uncertain`.

        Args:
            scores: (B, n) in 0 ... 1.
            classes: (B, n), in floating point: runtimes clip and compare that alone.
            points: (B, n, slots * K, 8).
        """
        slots, widest = self.used.shape
        slot = classes.clamp(max=slots - 1)
        with_slot = (classes < slots)[..., None]
        used = (self.used[slot.long()] > 0) & with_slot  # (B, n, K)
        places = (slot[..., None] * widest + self.numbers).long()
        own = points.gather(2, places[..., None].expand(-1, -1, -1, points.shape[3]))
        confidence = own[..., FINDABLE].sigmoid()
        fused = torch.where(with_slot[..., 0], fused_scores(scores, confidence, own[..., PRECISION], used), scores)
        return fused, torch.where(used[..., None], torch.cat((own[..., PLACE], confidence[..., None]), -1), 0)


def deploy(
    network: AnyNetwork,
    layout: Layout,
    names: dict[int, str],
    schema: KeypointSchema | None,
    settings: ExportSettings,
    size: tuple[int, int],
    dialect: Dialect,
    *,
    license: str | None,
) -> Deployed:
    """Return the graph of an RF-DETR network; see `Network.deployed`.

    ``nms=True`` ranks in the graph. Nothing is suppressed: the network was trained to find each object once.
    """
    if layout.slots is not None and not dialect.five_axes:
        raise SettingError(
            f"format={settings.format} does not take the keypoint preview: its runtime has no batches, and each query "
            "meets its keypoints in one; format=onnx and format=tflite do"
        )
    rows = settings.nms is True
    if rows and not dialect.ranking:
        raise SettingError(f"format={settings.format} has no nms=True: its runtime cannot rank; export with nms=None")
    if settings.precision == 8:
        raise SettingError(
            "int8=True is not for RF-DETR: 8 bits choose other cells to start from, which changes what queries find; "
            "half=True halves the file"
        )
    queries = QueriesGraph(flattened(network, layout, size, dialect, half=settings.half))
    module = RowsGraph(queries, layout, names, settings, size) if rows else queries
    has_points = bool(layout.keypoints or layout.slots)
    return Deployed(
        module=module.eval().requires_grad_(False),
        facts=Facts(
            task="detect" if schema is None else "pose",
            names=dict(names),
            schema=schema,
            placing="stretch",
            stride=layout.architecture.stride,
            imgsz=size,
            batch=settings.batch,
            dynamic=settings.dynamic,
            precision=settings.precision,
            layout="rows" if rows else "queries",
            selection="none" if rows else "rank",
            unit="pixels" if rows else "fractions",
            outputs=ROW_OUTPUTS if rows else QUERY_OUTPUTS[: 2 + has_points],
            conf=settings.conf if rows else None,
            max_det=settings.max_det if rows else layout.architecture.detections,
            slots=None if layout.slots is None or rows else layout.slots.counts,
            license=license,
            version=__version__,
        ),
    )


def flattened(
    network: AnyNetwork, layout: Layout, size: tuple[int, int], dialect: Dialect, *, half: bool
) -> AnyNetwork:
    """Return a copy of a network on the CPU, with only what its last layer needs, for inputs of one size (H, W)."""
    copy: Any = deepcopy(network).cpu().float()
    architecture = layout.architecture
    grid = (size[0] // architecture.patch_size, size[1] // architecture.patch_size)
    transformer = copy.transformer
    copy.backbone = nn.ModuleList([FlatBackbone(cast(Backbone, copy.backbone[0]), grid, batches=dialect.five_axes)])
    copy.transformer = FlatTransformer(transformer, grid, ranking=dialect.ranking)
    for name in ("query_feat", "refpoint_embed"):
        table = getattr(copy, name)
        table.weight = nn.Parameter(table.weight.detach()[: architecture.queries].clone())
    decoder = transformer.decoder
    decoder.embed = FlatWaves(architecture.width // 2)
    attention = SampledAttention if dialect.sampling else TentAttention
    for layer in decoder.layers:
        for name, part in list(layer.named_children()):
            if isinstance(part, DeformableAttention):
                setattr(layer, name, attention(part, grid))
    if half:
        _narrow(copy)
    return cast(AnyNetwork, copy.requires_grad_(False))


def _narrow(network: Any) -> None:
    """Let backbone, selection and decoder compute in 16 bits, but not what places are made of."""
    transformer: FlatTransformer = network.transformer
    decoder: Any = transformer.decoder
    layers = list(cast(list[DecoderLayer], decoder.layers))
    narrow: list[nn.Module] = [network.backbone, transformer.project, network.query_feat, *layers]
    tables: list[Tensor] = []
    if isinstance(decoder, KeypointDecoder):
        narrow.append(transformer.keypoint_query_initializer)
        tables.append(decoder.keypoint_pos_embed)
        network.keypoint_embed = Wide(network.keypoint_embed)
    attentions = [part for part in decoder.modules() if isinstance(part, SampledAttention)]
    kept = {
        id(parameter)
        for part in attentions
        for linear in (part.sampling_offsets, part.attention_weights)
        for parameter in linear.parameters()
    }
    tables += [parameter for part in narrow for parameter in part.parameters() if id(parameter) not in kept]
    for table in tables:
        table.data = table.data.half()
    decoder.norm = Wide(decoder.norm)
    decoder.ref_point_head = Narrow(decoder.ref_point_head)
