"""Criterion of heads with one set of branches."""

from dataclasses import dataclass

from posekit.models.contract import Losses
from posekit.models.yolo.heads import Branch
from posekit.models.yolo.losses.branch_criterion import BranchCriterion
from posekit.models.yolo.outputs import Outputs
from posekit.sample import Targets


@dataclass(frozen=True, kw_only=True)
class SingleCriterion:
    """Scores the only set of branches of a network; it has no schedule.

    Attributes:
        branch: name of the set in the outputs.
        criterion: its losses.
    """

    branch: Branch
    criterion: BranchCriterion

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return self.criterion.names

    def __call__(self, outputs: Outputs, targets: Targets) -> Losses:
        """Return the losses of a batch."""
        return self.criterion(outputs[self.branch], targets)

    def end_epoch(self, epochs: int) -> None:
        """Do nothing: all epochs are alike."""

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Do nothing: all epochs are alike."""
