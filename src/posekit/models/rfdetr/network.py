"""The RF-DETR network: detection, with a pose head where there are keypoints."""

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.backbone import Backbone, Embeddings, Normalisation
from posekit.models.rfdetr.decoder import MLP, Decoder, DeformableAttention, Memory, Selected, Transformer, move_boxes


class Predictions(NamedTuple):
    """What one layer says of every query.

    Attributes:
        logits: (B, Q, C) of classes; each class stands for itself.
        boxes: (B, Q, 4) centre x, centre y, width, height as fractions of the picture.
        keypoints: (B, Q, K, 3) of a pose head, x, y as fractions of the picture and a visibility logit;
            (B, Q, slots * K, 8) of the keypoint preview (see `preview.channels`); None without keypoints.
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
    """Two small networks: coordinates are regressed, visibility is classified.

    Args:
        width: channels of a query, D.
        count: keypoints, K.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.coord_head = MLP(width, width, width, 2 * count)
        self.visibility_head = MLP(width, width, width, count)

    def forward(self, queries: Tensor, boxes: Tensor) -> Tensor:
        """Return (B, Q, K, 3): x, y as fractions of the picture, inside picture and box, and a visibility logit.

        Args:
            queries: (B, Q, D) normalised output of the decoder.
            boxes: (B, Q, 4) centre x, centre y, width, height as fractions of the picture.
        """
        within = self.coord_head(queries).sigmoid().view(*queries.shape[:2], -1, 2) - 0.5
        boxes = boxes[:, :, None]
        places = (boxes[..., :2] + within * boxes[..., 2:]).clamp(0, 1)
        return torch.cat((places, self.visibility_head(queries)[..., None]), -1)

    @torch.no_grad()
    def set_initial(self) -> None:
        """Let all keypoints start at the centre of the box, as visible as not."""
        for head in (self.coord_head, self.visibility_head):
            nn.init.zeros_(head.last.weight)
            nn.init.zeros_(head.last.bias)


class QueryTables(nn.Module):
    """What every query starts with, group after group: its content, and how its box differs from the selected cell's.

    Args:
        architecture: numbers of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        rows = architecture.groups * architecture.queries
        self.refpoint_embed = nn.Embedding(rows, 4)
        self.query_feat = nn.Embedding(rows, architecture.width)

    def starting_queries(self, batch: int, groups: int) -> Tensor:
        """Return (B, groups * queries, D)."""
        return self.query_feat.weight[: groups * self.architecture.queries].expand(batch, -1, -1)

    def starting_boxes(self, selected: Tensor, groups: int) -> Tensor:
        """Return where queries look, (B, groups * queries, 4), as fractions of the picture.

        Pictures with fewer cells than queries leave queries without a cell; those use their table row as a box.

        Args:
            selected: (B, groups * k, 4) boxes of the selected cells.
            groups: sets of queries.
        """
        queries = self.architecture.queries
        table = self.refpoint_embed.weight[: groups * queries].view(1, groups, queries, 4)
        cells = selected.view(selected.shape[0], groups, -1, 4)
        count = cells.shape[2]
        boxes = move_boxes(table[:, :, :count], cells)
        if count < queries:
            boxes = torch.cat((boxes, table[:, :, count:].expand(selected.shape[0], -1, -1, -1)), 2)
        return boxes.flatten(1, 2)


class RFDETRNetwork(QueryTables):
    """Backbone, selection, decoder and heads.

    Args:
        architecture: numbers of the network.
        class_rows: class logits, C; one more than the classes.
        keypoints: K; 0 for a detector.
    """

    def __init__(self, architecture: Architecture, class_rows: int, keypoints: int = 0) -> None:
        super().__init__(architecture)
        width = architecture.width
        self.class_rows = class_rows
        self.keypoints = keypoints
        self.normalise = Normalisation()
        self.backbone = nn.ModuleList([Backbone(architecture)])
        self.transformer = Transformer(architecture, class_rows, Decoder(architecture))
        self.class_embed = nn.Linear(width, class_rows)
        self.bbox_embed = MLP(width, width, width, 4)
        if keypoints:
            self.keypoint_head = PoseHead(width, keypoints)
        # Published files hold it; it says something of the keypoint preview only.
        self.register_buffer("_kp_active_mask", torch.zeros(0, 0, dtype=torch.bool))

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
        # Keypoints of every layer are placed in the last layer's boxes.
        auxiliary = tuple(self._predict(state, boxes, last.boxes) for state in states[:-1])
        return Outputs(
            last=last, auxiliary=auxiliary, encoder=Predictions(selected.logits, selected.boxes), groups=groups
        )

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the backbone's maps and the memory of queries, (B, C, H, W), for pictures (B, 3, H, W) in [0, 1]."""
        return cast(Backbone, self.backbone[0]).feature_maps(self.normalise(images))

    def _decode(self, images: Tensor, groups: int) -> tuple[list[Tensor], Tensor, Selected]:
        """Return the queries after each layer, the boxes that they started from, and the selected cells."""
        memory = Memory.of(self.backbone[0](self.normalise(images)))
        selected = self.transformer.select(memory, groups)
        boxes = self.starting_boxes(selected.boxes.detach(), groups)
        states = self.transformer.decoder(self.starting_queries(images.shape[0], groups), boxes, memory)
        return states, boxes, selected

    def _predict(self, state: Tensor, boxes: Tensor, frames: Tensor | None = None) -> Predictions:
        """Return the predictions of a layer; keypoints lie in the boxes `frames`, by default those of the layer."""
        queries = self.transformer.decoder.norm(state)
        found = move_boxes(self.bbox_embed(queries), boxes)
        logits = self.class_embed(queries)
        if not self.keypoints:
            return Predictions(logits, found)
        return Predictions(logits, found, self.keypoint_head(queries, found if frames is None else frames))


TOKEN_STD = 0.02


FIRST_SCORE = 0.01  # of every class: nearly all queries find nothing


@torch.no_grad()
def set_initial_weights(network: QueryTables) -> None:
    """Give a network random weights, and heads that leave boxes as they are and give low scores."""
    for module in network.modules():
        match module:
            case Backbone():
                _set_tokens(module)
            case Transformer():
                _set_transformer(module)
            case PoseHead():
                module.set_initial()
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) and name.endswith(("class_embed", "enc_out_class_embed")):
            nn.init.constant_(module.bias, _logit(FIRST_SCORE))
        if isinstance(module, MLP) and name.endswith("bbox_embed"):
            set_zero(module.last)
    nn.init.zeros_(network.refpoint_embed.weight)


def set_zero(layer: nn.Linear) -> None:
    """Let a layer give 0."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


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


def _logit(score: float) -> float:
    return math.log(score / (1 - score))
