"""The RF-DETR network: detection, with a pose head where there are keypoints.

Boxes are centre x, centre y, width, height as fractions of the picture.
"""

import math
from abc import ABC, abstractmethod
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.backbone import Backbone, Embeddings, Normalisation
from posekit.models.rfdetr.decoder import MLP, Decoder, DeformableAttention, Memory, Selected, Transformer, move_boxes

TOKEN_STD: Final = 0.02
FIRST_SCORE: Final = 0.01  # of every class: nearly all queries find nothing


class Predictions(NamedTuple):
    """What one layer says of every query.

    Attributes:
        logits: (B, Q, C) of classes; each class stands for itself.
        boxes: (B, Q, 4).
        keypoints: (B, Q, K, 3) of a pose head, x, y as fractions of the picture and a visibility logit;
            (B, Q, slots * K, 8) of the keypoint preview (see `preview`); None without keypoints.
    """

    logits: Tensor
    boxes: Tensor
    keypoints: Tensor | None = None


class Outputs(NamedTuple):
    """What the layers say.

    Attributes:
        last: predictions of the last layer.
        auxiliary: those of the other layers, first layer first; empty where nothing is to be learned.
        encoder: those of the selected cells, before the decoder; None where nothing is to be learned.
        groups: sets of queries that were asked.
    """

    last: Predictions
    auxiliary: tuple[Predictions, ...] = ()
    encoder: Predictions | None = None
    groups: int = 1


class PoseHead(nn.Module):
    """Two small networks: coordinates are regressed, visibility is classified."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.coord_head = MLP(width, width, width, 2 * count)
        self.visibility_head = MLP(width, width, width, count)

    def forward(self, queries: Tensor, boxes: Tensor) -> Tensor:
        """Return (B, Q, K, 3): x, y as fractions of the picture, inside picture and box, and a visibility logit.

        `queries` (B, Q, D) are the normalised output of the decoder, `boxes` (B, Q, 4) theirs.
        """
        within = self.coord_head(queries).sigmoid().view(*queries.shape[:2], -1, 2) - 0.5
        boxes = boxes[:, :, None]
        places = (boxes[..., :2] + within * boxes[..., 2:]).clamp(0, 1)
        return torch.cat((places, self.visibility_head(queries)[..., None]), -1)


class QueryNetwork(nn.Module, ABC):
    """What both kinds of network share: how they are asked, and what every query starts with.

    The two tables hold, group after group, the content of each query, and how its box differs from the selected cell's.
    """

    backbone: nn.ModuleList
    transformer: Transformer
    class_embed: nn.Linear
    bbox_embed: MLP

    def __init__(self, architecture: Architecture, class_rows: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.class_rows = class_rows
        rows = architecture.groups * architecture.queries
        self.refpoint_embed = nn.Embedding(rows, 4)
        self.query_feat = nn.Embedding(rows, architecture.width)
        self.normalise = Normalisation()

    def forward(self, images: Tensor) -> Outputs:
        """Return the predictions for RGB pictures (B, 3, H, W) in [0, 1]: in training of all layers and groups."""
        return self.all_layers(images) if self.training else self.last_layer(images)

    def last_layer(self, images: Tensor) -> Outputs:
        """Return the predictions of the last layer for one group."""
        states, boxes, _ = self._decode(images, groups=1)
        return Outputs(last=self._predict(states[-1], boxes))

    def all_layers(self, images: Tensor) -> Outputs:
        """Return everything that losses are computed of; outside training for one group."""
        groups = self.architecture.groups if self.training else 1
        states, boxes, selected = self._decode(images, groups)
        last = self._predict(states[-1], boxes)
        auxiliary = tuple(self._predict(state, boxes, last.boxes) for state in states[:-1])
        encoder = self._predict_cells(selected, groups)
        return Outputs(last=last, auxiliary=auxiliary, encoder=encoder, groups=groups)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the backbone's maps and the memory of queries, (B, C, H, W), for pictures (B, 3, H, W) in [0, 1]."""
        return cast(Backbone, self.backbone[0]).feature_maps(self.normalise(images))

    def starting_queries(self, batch: int, groups: int) -> Tensor:
        """Return (B, groups * queries, D)."""
        return self.query_feat.weight[: groups * self.architecture.queries].expand(batch, -1, -1)

    def starting_boxes(self, selected: Tensor, groups: int) -> Tensor:
        """Return where queries look, (B, groups * queries, 4), given the boxes (B, groups * k, 4) of selected cells.

        Pictures with fewer cells than queries leave queries without a cell; those use their table row as a box.
        """
        queries = self.architecture.queries
        table = self.refpoint_embed.weight[: groups * queries].view(1, groups, queries, 4)
        cells = selected.view(selected.shape[0], groups, -1, 4)
        count = cells.shape[2]
        boxes = move_boxes(table[:, :, :count], cells)
        if count < queries:
            boxes = torch.cat((boxes, table[:, :, count:].expand(selected.shape[0], -1, -1, -1)), 2)
        return boxes.flatten(1, 2)

    @abstractmethod
    def _decode(self, images: Tensor, groups: int) -> tuple[list[Any], Tensor, Selected]:
        """Return the state after each layer, the boxes that queries started from, and the selected cells."""

    @abstractmethod
    def _predict(self, state: Any, boxes: Tensor, last_boxes: Tensor | None = None) -> Predictions:
        """Return the predictions of a layer; `last_boxes` are those that the last layer found, where it is another."""

    @abstractmethod
    def _predict_cells(self, selected: Selected, groups: int) -> Predictions:
        """Return the predictions of the selected cells."""


class RFDETRNetwork(QueryNetwork):
    """Backbone, selection, decoder and heads; one class row more than classes, and 0 `keypoints` for a detector."""

    def __init__(self, architecture: Architecture, class_rows: int, keypoints: int = 0) -> None:
        super().__init__(architecture, class_rows)
        width = architecture.width
        self.keypoints = keypoints
        self.backbone = nn.ModuleList([Backbone(architecture)])
        self.transformer = Transformer(architecture, class_rows, Decoder(architecture))
        self.class_embed = nn.Linear(width, class_rows)
        self.bbox_embed = MLP(width, width, width, 4)
        if keypoints:
            self.keypoint_head = PoseHead(width, keypoints)
        # Published files hold it; it says something of the keypoint preview only.
        self.register_buffer("_kp_active_mask", torch.zeros(0, 0, dtype=torch.bool))

    def _decode(self, images: Tensor, groups: int) -> tuple[list[Tensor], Tensor, Selected]:
        memory = Memory.of(self.backbone[0](self.normalise(images)))
        selected = self.transformer.select(memory, groups)
        boxes = self.starting_boxes(selected.boxes.detach(), groups)
        states = self.transformer.decoder(self.starting_queries(images.shape[0], groups), boxes, memory)
        return states, boxes, selected

    def _predict(self, state: Tensor, boxes: Tensor, last_boxes: Tensor | None = None) -> Predictions:
        queries = self.transformer.decoder.norm(state)
        found = move_boxes(self.bbox_embed(queries), boxes)
        logits = self.class_embed(queries)
        if not self.keypoints:
            return Predictions(logits, found)
        # Keypoints of every layer are placed in the last layer's boxes.
        return Predictions(logits, found, self.keypoint_head(queries, found if last_boxes is None else last_boxes))

    def _predict_cells(self, selected: Selected, groups: int) -> Predictions:
        return Predictions(selected.logits, selected.boxes)


@torch.no_grad()
def set_initial_weights(network: QueryNetwork) -> None:
    """Give a network random weights, and heads that leave boxes as they are and give low scores.

    Keypoints of a pose head start at the centre of the box, as visible as not.
    """
    for module in network.modules():
        match module:
            case Backbone():
                _set_tokens(module)
            case Transformer():
                _set_transformer(module)
            case PoseHead():
                module.coord_head.give_zero()
                module.visibility_head.give_zero()
    nn.init.constant_(network.class_embed.bias, math.log(FIRST_SCORE / (1 - FIRST_SCORE)))
    network.bbox_embed.give_zero()
    nn.init.zeros_(network.refpoint_embed.weight)


def _set_tokens(backbone: Backbone) -> None:
    for module in backbone.encoder.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.trunc_normal_(module.weight, std=TOKEN_STD)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
        if isinstance(module, Embeddings):
            nn.init.trunc_normal_(module.cls_token, std=TOKEN_STD)
            nn.init.trunc_normal_(module.position_embeddings, std=TOKEN_STD)


def _set_transformer(transformer: Transformer) -> None:
    for parameter in transformer.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
    for module in transformer.modules():
        if isinstance(module, DeformableAttention):
            module.set_initial()
