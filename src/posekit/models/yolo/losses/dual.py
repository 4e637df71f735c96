"""Criterion of heads with two sets of branches: many anchor points per object, and one (YOLO26)."""

from posekit.models.contract import Losses
from posekit.models.yolo.losses.branch_criterion import BranchCriterion
from posekit.models.yolo.outputs import Outputs
from posekit.sample import Targets

FIRST_SHARE, LAST_SHARE = 0.8, 0.1  # of the one-to-many losses, in the first and in the last epoch


class DualCriterion:
    """Weighted sum of the losses of both sets; the weight moves from one-to-many to one-to-one over the epochs.

    Attributes:
        one2many: losses of the set that teaches the body of the network.
        one2one: losses of the set that predicts without NMS; its items are the ones reported.
        epoch: number of epochs done.
        share: weight of the one-to-many losses; the others have the rest.
    """

    def __init__(self, one2many: BranchCriterion, one2one: BranchCriterion) -> None:
        self.one2many = one2many
        self.one2one = one2one
        self.epoch = 0
        self.share = FIRST_SHARE

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return self.one2one.names

    def __call__(self, outputs: Outputs, targets: Targets) -> Losses:
        """Return the losses of a batch; the items are those of the one-to-one set, without its weight."""
        many = self.one2many(outputs["one2many"], targets)
        one = self.one2one(outputs["one2one"], targets)
        return Losses(total=self.share * many.total + (1 - self.share) * one.total, items=one.items)

    def end_epoch(self, epochs: int) -> None:
        """Move the weights on by one epoch of a run of `epochs`."""
        self.advance_to(self.epoch + 1, epochs)

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Set the weights for an epoch (from 0) of a run of `epochs`."""
        self.epoch = epoch
        left = max(1 - epoch / max(epochs - 1, 1), 0.0)
        self.share = left * (FIRST_SHARE - LAST_SHARE) + LAST_SHARE
