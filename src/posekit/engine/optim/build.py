"""Builds the optimiser of a choice."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from torch import nn
from torch.optim import SGD, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop

from posekit.engine.optim.choice import OptimizerChoice
from posekit.engine.optim.groups import muon_groups, plain_groups, ruled_groups
from posekit.engine.optim.musgd import MuSGD
from posekit.errors import SettingError
from posekit.models.recipe import RateRule

BETA2: Final = 0.999


def build_optimizer(
    model: nn.Module,
    choice: OptimizerChoice,
    *,
    weight_decay: float,
    boosted: Collection[str] = (),
    rates: Sequence[RateRule] = (),
) -> Optimizer:
    """Return an optimiser for all parameters of a model.

    Args:
        model: the network, not wrapped.
        choice: name, learning rate and momentum; case does not matter in the name.
        weight_decay: L2 penalty of weights, see `posekit.engine.optim.accumulation.effective_weight_decay`.
        boosted: full names of the parameters that MuSGD moves faster.
        rates: rules for learning rates and decay; none: by the kind of the parameter.

    Raises:
        SettingError: there is no optimiser of this name.
    """
    name = choice.name.lower()
    builder = _BUILDERS.get(name)
    if builder is None:
        raise SettingError(f"optimizer={choice.name} is not known: expected MuSGD, {', '.join(_NAMES)} or auto")
    muon = name == "musgd"
    if rates:
        groups = ruled_groups(model, rates, lr=choice.lr, weight_decay=weight_decay, muon=muon)
    elif muon:
        groups = muon_groups(model, lr=choice.lr, weight_decay=weight_decay, boosted=boosted)
    else:
        groups = plain_groups(model, lr=choice.lr, weight_decay=weight_decay)
    return builder(groups, choice)


Groups = list[dict[str, Any]]


def _musgd(groups: Groups, choice: OptimizerChoice) -> Optimizer:
    return MuSGD(groups, lr=choice.lr, momentum=choice.momentum, nesterov=True)


def _sgd(groups: Groups, choice: OptimizerChoice) -> Optimizer:
    return SGD(groups, lr=choice.lr, momentum=choice.momentum, nesterov=choice.momentum > 0)


def _rmsprop(groups: Groups, choice: OptimizerChoice) -> Optimizer:
    return RMSprop(groups, lr=choice.lr, momentum=choice.momentum)


def _adam_like(kind: Callable[..., Optimizer]) -> Callable[[Groups, OptimizerChoice], Optimizer]:
    def build(groups: Groups, choice: OptimizerChoice) -> Optimizer:
        return kind(groups, lr=choice.lr, betas=(choice.momentum, BETA2))

    return build


_NAMES: Final = ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSProp")
_BUILDERS: Final[dict[str, Callable[[Groups, OptimizerChoice], Optimizer]]] = {
    "musgd": _musgd,
    "sgd": _sgd,
    "adam": _adam_like(Adam),
    "adamw": _adam_like(AdamW),
    "nadam": _adam_like(NAdam),
    "radam": _adam_like(RAdam),
    "adamax": _adam_like(Adamax),
    "rmsprop": _rmsprop,
}
