"""Losses of the pose head's keypoints."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from posekit.models.rfdetr.losses.matched import Matched

EPS = 1e-6
VISIBLE = 2


@dataclass(frozen=True, kw_only=True)
class PoseLosses:
    """Scores the keypoints of one layer; layers without keypoints get 0.

    Attributes:
        sigmas: OKS sigma of each keypoint.
        skip_unlabelled: leave objects without labelled keypoints out of the mean of OKS; else each adds a constant 1,
            as in the first version of this loss, which has no gradient but shrinks that of the other objects.
    """

    sigmas: Sequence[float]
    skip_unlabelled: bool = True

    def __call__(self, matched: Matched) -> dict[str, Tensor]:
        """Return the losses by name."""
        if not matched.has_keypoints:
            predictions = matched.predictions
            heads = predictions.boxes if predictions.keypoints is None else predictions.keypoints
            none = heads[:, :0].sum()  # 0, but every parameter gets a gradient
            return {"kpt_l1_loss": none, "kpt_vis_loss": none, "kpt_oks_loss": none}
        true = matched.true_keypoints
        apart = matched.keypoints[..., :2] - true[..., :2]
        labelled = true[..., 2] > 0
        visible = (true[..., 2] == VISIBLE).to(apart)
        return {
            "kpt_l1_loss": (apart.abs().sum(-1) * labelled).sum() / (labelled.sum() + EPS),
            "kpt_vis_loss": binary_cross_entropy_with_logits(matched.keypoints[..., 2], visible),
            "kpt_oks_loss": self._oks_loss(apart, labelled, matched.true_boxes),
        }

    def _oks_loss(self, apart: Tensor, labelled: Tensor, boxes: Tensor) -> Tensor:
        """Return 1 - mean OKS, with the area of the box for that of the object.

        Args:
            apart: (M, K, 2) errors as fractions of the picture.
            labelled: (M, K) bool.
            boxes: (M, 4) centre x, centre y, width, height as the same fractions.
        """
        spread = (2 * boxes.new_tensor(self.sigmas)).square()
        area = boxes[:, 2:].prod(-1, keepdim=True)
        similarity = (-apart.square().sum(-1) / (2 * area * spread + EPS)).exp() * labelled
        count = labelled.sum(-1)
        per_object = similarity.sum(-1) / count.clamp(min=1)
        objects = (count > 0).sum() if self.skip_unlabelled else count.new_tensor(len(count))
        # Objects without labels are 0 in the sum: with none at all this is 0, not 1.
        return (objects - per_object.sum()) / objects.clamp(min=1)
