"""The criterion of RF-DETR networks: every layer is matched and scored on its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from posekit.models.contract import Losses
from posekit.models.rfdetr.losses.costs import PairCost, detection_cost
from posekit.models.rfdetr.losses.detection_losses import DetectionLosses
from posekit.models.rfdetr.losses.matched import Matched
from posekit.models.rfdetr.losses.matcher import match
from posekit.models.rfdetr.losses.object_count import object_count
from posekit.models.rfdetr.losses.pose_losses import PoseLosses
from posekit.models.rfdetr.outputs import Outputs, Predictions
from posekit.sample import Targets

LayerLosses = Callable[[Matched], Mapping[str, Tensor]]
"""Gives the losses of one layer by name, each a scalar, before its weight."""

DETECTION_WEIGHTS: Final = {"cls_loss": 1.0, "box_loss": 5.0, "giou_loss": 2.0}
POSE_WEIGHTS: Final = {
    **DETECTION_WEIGHTS,
    "cls_loss": 2.0,
    "kpt_l1_loss": 5.0,
    "kpt_vis_loss": 2.0,
    "kpt_oks_loss": 2.0,
}


class SetCriterion:
    """Scores the outputs of a network.

    Args:
        layer_losses: what is scored in each layer.
        weights: factor of each loss by name, in the order of result files.
        cost: of matching a query with an object.
    """

    def __init__(
        self, layer_losses: Sequence[LayerLosses], weights: Mapping[str, float], cost: PairCost = detection_cost
    ) -> None:
        self._layer_losses = tuple(layer_losses)
        self._weights = dict(weights)
        self._cost = cost

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        return tuple(self._weights)

    def __call__(self, outputs: Outputs, targets: Targets) -> Losses:
        """Return the weighted losses of a batch, each summed over the layers; of several batches they are averaged."""
        of_layers = list(self.by_layer(outputs, targets).values())
        terms = torch.stack(
            [torch.stack([losses[name] for losses in of_layers]).sum() * self._weights[name] for name in self.names]
        )
        items = dict(zip(self.names, terms.detach(), strict=True))
        return Losses(total=terms, items=items)

    def by_layer(self, outputs: Outputs, targets: Targets) -> dict[str, dict[str, Tensor]]:
        """Return the losses before their weights, by layer ("last", "0", "1", ..., "encoder") and name."""
        count = object_count(targets, outputs.groups)
        return {
            layer: self._score(predictions, targets, outputs.groups, count) for layer, predictions in _layers(outputs)
        }

    def _score(self, predictions: Predictions, targets: Targets, groups: int, count: Tensor) -> dict[str, Tensor]:
        precise = Predictions(*(None if part is None else part.float() for part in predictions))  # type: ignore[arg-type]
        pairs = match(precise, targets, groups, self._cost)
        matched = Matched(predictions=precise, targets=targets, pairs=pairs, object_count=count)
        return {name: value for losses in self._layer_losses for name, value in losses(matched).items()}

    def end_epoch(self, epochs: int) -> None:
        """Do nothing: all epochs are alike."""

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Do nothing: all epochs are alike."""


def detection_criterion() -> SetCriterion:
    """Return the criterion of a detector."""
    return SetCriterion([DetectionLosses()], DETECTION_WEIGHTS)


def pose_criterion(sigmas: Sequence[float]) -> SetCriterion:
    """Return the criterion of a detector with a pose head.

    Args:
        sigmas: OKS sigma of each keypoint.
    """
    return SetCriterion([DetectionLosses(), PoseLosses(sigmas=sigmas)], POSE_WEIGHTS)


def _layers(outputs: Outputs) -> Iterator[tuple[str, Predictions]]:
    yield "last", outputs.last
    for index, predictions in enumerate(outputs.auxiliary):
        yield str(index), predictions
    if outputs.encoder is not None:
        yield "encoder", outputs.encoder
