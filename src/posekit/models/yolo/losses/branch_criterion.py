"""The losses of one set of branches of a head."""

from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.errors import ShapeError
from posekit.models.contract import Losses
from posekit.models.yolo.losses.assigner import Assigner
from posekit.models.yolo.losses.gains import LossGains
from posekit.models.yolo.losses.grid import Grid
from posekit.models.yolo.losses.matched import LossRules, Matched
from posekit.models.yolo.losses.objects import pack_objects
from posekit.models.yolo.losses.predictions import Predictions
from posekit.models.yolo.losses.task_losses import LossTerm
from posekit.models.yolo.outputs import BranchOutputs
from posekit.sample import Targets

HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, kw_only=True)
class BranchCriterion:
    """Scores one set of branches.

    Attributes:
        terms: the loss terms.
        gains: their factors.
        assigner: chooses the anchor points that learn an object.
        rules: what the terms need to know.
        strides: input pixels per cell of each level.
    """

    terms: tuple[LossTerm, ...]
    gains: LossGains
    assigner: Assigner
    rules: LossRules
    strides: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return tuple(term.name for term in self.terms)

    def __call__(self, raw: BranchOutputs, targets: Targets) -> Losses:
        """Return the losses of raw outputs; in float32 under mixed precision, too.

        Raises:
            ShapeError: the targets lack what the head predicts, or have another number of keypoints.
        """
        # Sums over thousands of anchor points need float32.
        with torch.autocast(raw["scores"].device.type, enabled=False):
            matched = self.match(_promoted(raw), targets)
            values = torch.stack([term.value(matched) * getattr(self.gains, term.gain) for term in self.terms])
        items = dict(zip(self.names, values.detach(), strict=True))
        return Losses(total=values * len(raw["scores"]), items=items)

    def match(self, raw: BranchOutputs, targets: Targets) -> Matched:
        """Assign the objects of a batch to anchor points, given raw outputs in float32 or float64."""
        scores = raw["scores"]
        self._check_keypoints(targets)
        grid = Grid.of(raw["feats"], self.strides, scores.dtype)
        objects = pack_objects(targets, len(scores), grid.size, scores.dtype)
        positives = self.assigner(objects, Predictions.of(raw, grid, self.rules.decode), grid)
        return Matched(raw=raw, objects=objects, grid=grid, positives=positives, rules=self.rules)

    def _check_keypoints(self, targets: Targets) -> None:
        shape, keypoints = self.rules.decode.kpt_shape, targets.keypoints
        if shape is not None and keypoints is not None and keypoints.shape[1:] != (shape[0], 3):
            raise ShapeError(f"targets have keypoints {tuple(keypoints.shape)}, the head needs (n, {shape[0]}, 3)")


def _promoted(raw: BranchOutputs) -> BranchOutputs:
    """Return half-precision outputs as float32; feature maps, of which only the size counts, stay."""
    promoted = BranchOutputs(**raw)
    for key, value in raw.items():
        if isinstance(value, Tensor) and value.dtype in HALF:
            promoted[key] = value.float()  # type: ignore[literal-required]
    return promoted
