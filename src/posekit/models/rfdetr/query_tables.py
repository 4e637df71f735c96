"""The learned beginnings of all queries."""

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.boxes import move_boxes


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
