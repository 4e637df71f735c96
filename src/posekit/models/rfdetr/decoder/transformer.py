"""The two stages after the backbone: choosing the best cells of the memory, and the decoder."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.boxes import move_boxes
from posekit.models.rfdetr.decoder.decoder import Decoder
from posekit.models.rfdetr.decoder.memory import Memory
from posekit.models.rfdetr.decoder.mlp import MLP
from posekit.models.rfdetr.decoder.proposals import LARGEST_WHOLE_GRID, grid_proposals, inner_cells


class Selected(NamedTuple):
    """The k best cells of each group, best first; groups one after the other, k = min(queries, cells).

    Attributes:
        tokens: (B, groups * k, D).
        logits: (B, groups * k, C) of classes.
        boxes: (B, groups * k, 4) centre x, centre y, width, height as fractions of the picture.
    """

    tokens: Tensor
    logits: Tensor
    boxes: Tensor


class Transformer(nn.Module):
    """Selection and decoder.

    Args:
        architecture: numbers of the network.
        class_rows: class logits, C.
        decoder: refines the queries.
    """

    def __init__(self, architecture: Architecture, class_rows: int, decoder: Decoder) -> None:
        super().__init__()
        width, groups = architecture.width, range(architecture.groups)
        self.queries = architecture.queries
        self.decoder = decoder
        self.enc_output = nn.ModuleList(nn.Linear(width, width) for _ in groups)
        self.enc_output_norm = nn.ModuleList(nn.LayerNorm(width) for _ in groups)
        self.enc_out_class_embed = nn.ModuleList(nn.Linear(width, class_rows) for _ in groups)
        self.enc_out_bbox_embed = nn.ModuleList(MLP(width, width, width, 4) for _ in groups)

    def select(self, memory: Memory, groups: int) -> Selected:
        """Return the best cells according to each of the first `groups` groups."""
        proposals = grid_proposals(memory.grid, memory.tokens)
        tokens = memory.tokens
        if max(memory.grid) > LARGEST_WHOLE_GRID:
            inner = inner_cells(proposals)
            tokens, proposals = tokens * inner, proposals * inner
        chosen = [self._select(group, tokens, proposals) for group in range(groups)]
        return chosen[0] if groups == 1 else Selected(*(torch.cat(parts, 1) for parts in zip(*chosen, strict=True)))

    def _select(self, group: int, tokens: Tensor, proposals: Tensor) -> Selected:
        candidates = self.enc_output_norm[group](self.enc_output[group](tokens))
        logits = self.enc_out_class_embed[group](candidates)
        count = min(self.queries, logits.shape[1])
        best = logits.amax(-1).topk(count, 1).indices  # (B, k)
        kept = _rows(candidates, best)
        boxes = move_boxes(self.enc_out_bbox_embed[group](kept), proposals[best])
        return Selected(kept, _rows(logits, best), boxes)


def _rows(tokens: Tensor, indices: Tensor) -> Tensor:
    """Return (B, k, D): for each picture the tokens (B, S, D) with the indices (B, k)."""
    return tokens.gather(1, indices[..., None].expand(-1, -1, tokens.shape[-1]))
