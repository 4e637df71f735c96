"""Hungarian matching (Carion et al. 2020, arXiv:2005.12872): each object gets one query of every group."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from posekit.models.rfdetr.losses.costs import PairCost
from posekit.models.rfdetr.losses.matched import Pairs
from posekit.models.rfdetr.outputs import Predictions
from posekit.sample import Targets


@dataclass(frozen=True)
class _Part:
    """Objects of one picture: its index, the index of the first object, and how many there are."""

    picture: int
    first: int
    count: int


@torch.no_grad()
def match(predictions: Predictions, targets: Targets, groups: int, cost: PairCost) -> Pairs:
    """Return the cheapest one-to-one matching of each picture and group.

    Args:
        predictions: of B pictures, groups * N queries each.
        targets: objects of the B pictures.
        groups: sets of queries.
        cost: of matching queries with objects.
    """
    parts = _parts(targets, len(predictions.logits))
    costs = [cost(_picture(predictions, part.picture), _objects(targets, part)).float() for part in parts]
    columns = [_assign(matrix, part, groups) for matrix, part in zip(_fetched(costs), parts, strict=True)]
    joined = np.concatenate(columns, 1) if columns else np.empty((3, 0), np.int64)
    pictures, queries, objects = torch.from_numpy(joined).to(predictions.logits.device)
    return Pairs(pictures=pictures, queries=queries, targets=objects)


def _parts(targets: Targets, pictures: int) -> list[_Part]:
    counts = torch.bincount(targets.pictures, minlength=pictures).tolist()
    firsts = np.cumsum([0, *counts]).tolist()
    return [_Part(picture, firsts[picture], count) for picture, count in enumerate(counts) if count]


def _picture(predictions: Predictions, index: int) -> Predictions:
    return Predictions(*(None if part is None else part[index] for part in predictions))  # type: ignore[arg-type]


def _objects(targets: Targets, part: _Part) -> Targets:
    own = slice(part.first, part.first + part.count)
    return Targets(
        pictures=targets.pictures[own],
        classes=targets.classes[own],
        boxes=targets.boxes[own],
        keypoints=None if targets.keypoints is None else targets.keypoints[own],
    )


def _fetched(costs: list[Tensor]) -> list[NDArray[np.float32]]:
    """Bring costs to the CPU, all at once: an accelerator is waited for once."""
    if not costs:
        return []
    flat = torch.cat([cost.flatten() for cost in costs]).cpu().numpy()
    ends = np.cumsum([cost.numel() for cost in costs])[:-1]
    return [part.reshape(cost.shape) for part, cost in zip(np.split(flat, ends), costs, strict=True)]


def _assign(cost: NDArray[np.float32], part: _Part, groups: int) -> NDArray[np.int64]:
    """Return the rows picture, query and object of the matches of one picture."""
    size = len(cost) // groups
    columns = []
    for group, block in enumerate(_finite(cost).reshape(groups, size, -1)):
        queries, objects = linear_sum_assignment(block)
        columns.append(np.stack((np.full_like(queries, part.picture), queries + group * size, objects + part.first)))
    return np.concatenate(columns, 1)


def _finite(cost: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return costs with whatever is not finite, as in a diverging training, made dearer than everything else."""
    finite = np.isfinite(cost)
    if finite.all():
        return cost
    known = cost[finite]
    dearest = known.max() + np.abs(known).max() + 1 if known.size else 1.0
    return np.where(finite, cost, dearest)
