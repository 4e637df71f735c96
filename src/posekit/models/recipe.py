"""How the networks of a family are trained, as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from posekit.augment.stretch import Crops


@dataclass(frozen=True, kw_only=True)
class RateRule:
    """How fast some parameters learn.

    Attributes:
        prefix: of their full names; "" fits all.
        factor: their learning rate relative to that of the run.
        undecayed: parts of names; parameters with one of them have no weight decay.
    """

    prefix: str
    factor: float = 1.0
    undecayed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training does that no setting says.

    Attributes:
        settings: values of settings that the user has not set.
        rates: the first rule that fits a parameter counts; none: by the kind of the parameter, see
            `engine.optim.groups`.
        largest_gradient: norm of all gradients together beyond which they are shortened.
        average_decay: share of the average of weights that late steps keep.
        average_ramp: steps over which that share grows.
        averages_batches: whether the gradients of the batches of a step are averaged instead of summed.
        crops: how pictures are cropped before they are stretched to squares; None where they are letterboxed.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    rates: Sequence[RateRule] = ()
    largest_gradient: float = 10.0
    average_decay: float = 0.9999
    average_ramp: float = 2000.0
    averages_batches: bool = False
    crops: Crops | None = None
