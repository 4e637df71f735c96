"""The keypoint preview network."""

from typing import cast

import torch
from torch import Tensor, nn

from posekit.errors import ShapeError
from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.backbone.backbone import DualBackbone
from posekit.models.rfdetr.boxes import move_boxes
from posekit.models.rfdetr.decoder.memory import Memory
from posekit.models.rfdetr.decoder.mlp import MLP
from posekit.models.rfdetr.decoder.transformer import Selected
from posekit.models.rfdetr.normalisation import Normalisation
from posekit.models.rfdetr.outputs import Outputs, Predictions
from posekit.models.rfdetr.preview import channels
from posekit.models.rfdetr.preview.layer import Streams
from posekit.models.rfdetr.preview.slots import KeypointSlots
from posekit.models.rfdetr.preview.transformer import KeypointTransformer
from posekit.models.rfdetr.query_tables import QueryTables


class KeypointPreviewNetwork(QueryTables):
    """Backbone with two memories, selection, decoder with a keypoint stream, heads.

    Args:
        architecture: numbers of the network.
        class_rows: class logits, C.
        slots: keypoints per class.

    Raises:
        ShapeError: a class with keypoints has no class row.
    """

    def __init__(self, architecture: Architecture, class_rows: int, slots: KeypointSlots) -> None:
        super().__init__(architecture)
        if any(slots.counts[class_rows:]):
            raise ShapeError(f"keypoints per class {list(slots.counts)} need a class row each, found {class_rows} rows")
        width = architecture.width
        self.class_rows = class_rows
        self.slots = slots
        self.normalise = Normalisation()
        self.backbone = nn.ModuleList([DualBackbone(architecture)])
        self.transformer = KeypointTransformer(architecture, class_rows, slots)
        self.class_embed = nn.Linear(width, class_rows)
        self.bbox_embed = MLP(width, width, width, 4)
        self.keypoint_embed = MLP(width, width, width, channels.COUNT)
        self.register_buffer("_kp_active_mask", slots.mask())
        self.register_buffer("_places", slots.places(), persistent=False)
        self.register_buffer("_membership", slots.membership(class_rows), persistent=False)

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
        return Outputs(
            last=self._predict(states[-1], boxes),
            auxiliary=tuple(self._predict(state, boxes) for state in states[:-1]),
            encoder=self._predict_encoder(selected, groups),
            groups=groups,
        )

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the backbone's maps and the memory of queries, (B, C, H, W), for pictures (B, 3, H, W) in [0, 1]."""
        return cast(DualBackbone, self.backbone[0]).feature_maps(self.normalise(images))

    def _decode(self, images: Tensor, groups: int) -> tuple[list[Streams], Tensor, Selected]:
        """Return both streams after each layer, the boxes that queries started from, and the selected cells."""
        memory, keypoint_memory = map(Memory.of, cast(DualBackbone, self.backbone[0]).both(self.normalise(images)))
        selected = self.transformer.select(memory, groups)
        boxes = self.starting_boxes(selected.boxes.detach(), groups)
        queries = self.starting_queries(images.shape[0], groups)
        streams = Streams(queries, self.transformer.keypoint_query_initializer(queries))
        return self.transformer.decoder.refine(streams, boxes, memory, keypoint_memory), boxes, selected

    def _predict(self, streams: Streams, boxes: Tensor) -> Predictions:
        queries = self.transformer.decoder.norm(streams.queries)
        found = move_boxes(self.bbox_embed(queries), boxes)
        return self._join(self.class_embed(queries), found, self.keypoint_embed(streams.keypoints), boxes)

    def _predict_encoder(self, selected: Selected, groups: int) -> Predictions:
        tokens = self.transformer.keypoint_query_initializer_enc(selected.tokens)
        parts = tokens.chunk(groups, 1)
        embeds = self.transformer.enc_out_keypoint_embed[:groups]
        raw = torch.cat([embed(part) for embed, part in zip(embeds, parts, strict=True)], 1)
        return self._join(selected.logits, selected.boxes, raw, selected.boxes)

    def _join(self, logits: Tensor, found: Tensor, raw: Tensor, frames: Tensor) -> Predictions:
        """Place raw keypoints (B, Q, K, 8) in the boxes `frames`, add to class logits, and pad to one row per class."""
        raw = torch.where(raw.isfinite(), raw, 0)
        frames = frames[:, :, None]
        places = raw[..., channels.PLACE] * frames[..., 2:] + frames[..., :2]
        keypoints = torch.cat((places, raw[..., channels.PLACE.stop :]), -1)
        logits = logits + raw[..., channels.CLASS] @ cast(Tensor, self._membership).to(raw.dtype)
        return Predictions(logits, found, self._padded(keypoints))

    def _padded(self, keypoints: Tensor) -> Tensor:
        """Return (B, Q, slots * widest, 8), 0 where a class has fewer keypoints."""
        with_empty = torch.cat((keypoints, torch.zeros_like(keypoints[:, :, :1])), 2)
        return with_empty.index_select(2, cast(Tensor, self._places))
