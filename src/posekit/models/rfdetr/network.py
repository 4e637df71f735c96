"""The RF-DETR network: detection, with a pose head where there are keypoints."""

from typing import cast

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.backbone.backbone import Backbone
from posekit.models.rfdetr.boxes import move_boxes
from posekit.models.rfdetr.decoder.decoder import Decoder
from posekit.models.rfdetr.decoder.memory import Memory
from posekit.models.rfdetr.decoder.mlp import MLP
from posekit.models.rfdetr.decoder.transformer import Selected, Transformer
from posekit.models.rfdetr.normalisation import Normalisation
from posekit.models.rfdetr.outputs import Outputs, Predictions
from posekit.models.rfdetr.pose_head import PoseHead
from posekit.models.rfdetr.query_tables import QueryTables


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
