"""The weights that training from scratch starts with."""

import math

import torch
from torch import nn

from posekit.models.rfdetr.backbone.backbone import Backbone
from posekit.models.rfdetr.backbone.dinov2 import Embeddings
from posekit.models.rfdetr.decoder.deformable_attention import DeformableAttention
from posekit.models.rfdetr.decoder.mlp import MLP
from posekit.models.rfdetr.decoder.transformer import Transformer
from posekit.models.rfdetr.pose_head import PoseHead
from posekit.models.rfdetr.query_tables import QueryTables

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
