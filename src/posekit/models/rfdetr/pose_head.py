"""Keypoints of a query: places relative to its box, and visibility."""

import torch
from torch import Tensor, nn

from posekit.models.rfdetr.decoder.mlp import MLP


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
