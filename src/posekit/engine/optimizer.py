"""Chooses the optimiser: the one the user names, or with ``auto`` one that suits the length of the run."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop

from posekit.config.settings import OptimizerSettings
from posekit.engine.musgd import MuSGD
from posekit.errors import CheckpointError, SettingError
from posekit.models.contract import RateRule

LONG_RUN: Final = 10_000  # iterations of nominal batches; longer runs take MuSGD


AUTO_MOMENTUM: Final = 0.9


@dataclass(frozen=True, kw_only=True)
class OptimizerChoice:
    """What an optimiser is built from.

    Attributes:
        name: one of `posekit.config.train.OPTIMIZERS`, never ``auto``.
        lr: learning rate at the start.
        momentum: momentum, or the first beta of the Adam family.
        warmup_bias_lr: learning rate of biases at the start of the warm-up.
    """

    name: str
    lr: float
    momentum: float
    warmup_bias_lr: float


def planned_iterations(images: int, *, batch: int, nbs: int, epochs: int) -> int:
    """Return how many nominal batches a run goes through: what ``auto`` decides by."""
    return ceil(images / max(batch, nbs)) * epochs


def choose_optimizer(settings: OptimizerSettings, *, classes: int, iterations: int) -> OptimizerChoice:
    """Return the optimiser of the settings; ``auto`` ignores their `lr0`, `momentum` and `warmup_bias_lr`.

    Args:
        settings: the user's settings.
        classes: number of classes of the data set; the rate for AdamW falls with it.
        iterations: see `planned_iterations`.
    """
    if settings.optimizer != "auto":
        return OptimizerChoice(
            name=settings.optimizer,
            lr=settings.lr0,
            momentum=settings.momentum,
            warmup_bias_lr=settings.warmup_bias_lr,
        )
    if iterations > LONG_RUN:
        return OptimizerChoice(name="MuSGD", lr=0.01, momentum=AUTO_MOMENTUM, warmup_bias_lr=0.0)
    lr = round(0.002 * 5 / (4 + classes), 6)
    return OptimizerChoice(name="AdamW", lr=lr, momentum=AUTO_MOMENTUM, warmup_bias_lr=0.0)


BOOST: Final = 3.0  # learning rate of boosted parameters, relative to the others


PLAIN_ORDER: Final = ("weight", "bn", "bias")


MUON_ORDER: Final = (*PLAIN_ORDER, "muon")


DECAYING: Final = ("weight", "muon")


NORMALISATIONS: Final = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d,
    nn.InstanceNorm3d, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm,
)  # fmt: skip


def plain_groups(model: nn.Module, *, lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Return the three groups weight, bn and bias, as `torch.optim` takes them.

    Each has besides its ``params`` a ``name``, its ``lr``, the same as ``initial_lr``, and ``weight_decay``.

    Args:
        model: the network, not wrapped.
        lr: learning rate at the start.
        weight_decay: L2 penalty of the kinds that decay.
    """
    members: dict[str, list[nn.Parameter]] = {kind: [] for kind in PLAIN_ORDER}
    normalising = _normalisation_parameters(model)
    for name, parameter in model.named_parameters():
        members[_plain_kind(name, normalising)].append(parameter)
    return [_group(kind, members[kind], lr, weight_decay) for kind in PLAIN_ORDER]


def muon_groups(
    model: nn.Module, *, lr: float, weight_decay: float, boosted: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return the eight groups of `MuSGD`: weight, bn, bias, muon, of each first the boosted part at `BOOST` times `lr`.

    A group may be empty. Each has, besides what `plain_groups` gives, ``muon``: whether its updates are
    orthogonalised.

    Args:
        model: the network, not wrapped.
        lr: learning rate at the start.
        weight_decay: L2 penalty of the kinds that decay.
        boosted: full names of the parameters that learn faster; the family of the model knows them.
    """
    members: dict[tuple[str, bool], list[nn.Parameter]] = {
        (kind, fast): [] for kind in MUON_ORDER for fast in (True, False)
    }
    normalising = _normalisation_parameters(model)
    for name, parameter in model.named_parameters():
        kind = "muon" if parameter.dim() in (2, 4) else _plain_kind(name, normalising)
        members[kind, name in boosted].append(parameter)
    return [
        _group(kind, parameters, lr * (BOOST if fast else 1.0), weight_decay) | {"muon": kind == "muon"}
        for (kind, fast), parameters in members.items()
    ]


def ruled_groups(
    model: nn.Module, rules: Sequence[RateRule], *, lr: float, weight_decay: float, muon: bool = False
) -> list[dict[str, Any]]:
    """Return one group per learning rate, of what decays and of what does not, as `torch.optim` takes them.

    Args:
        model: the network, not wrapped.
        rules: the first that fits a parameter counts.
        lr: learning rate at the start.
        weight_decay: L2 penalty of what decays.
        muon: whether the groups are for `MuSGD`, which tensors of two or four dimensions have groups of their own for.
    """
    members: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        rule = next(rule for rule in rules if name.startswith(rule.prefix))
        decays = not any(part in name for part in rule.undecayed)
        key = rule.factor, decays, muon and parameter.dim() in (2, 4)
        members.setdefault(key, []).append(parameter)
    groups = []
    for (factor, decays, turned), parameters in sorted(members.items(), key=lambda item: item[0]):
        group = _group("weight" if decays else "undecayed", parameters, lr * factor, weight_decay)
        groups.append(group | ({"muon": turned} if muon else {}))
    return groups


def _plain_kind(name: str, normalising: Collection[str]) -> str:
    if "bias" in name:
        return "bias"
    return "bn" if name in normalising or "logit_scale" in name else "weight"


def _normalisation_parameters(model: nn.Module) -> set[str]:
    """Return the full names of the parameters that normalisation layers own."""
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        if isinstance(module, NORMALISATIONS)
        for name, _ in module.named_parameters(recurse=False)
    }


def _group(kind: str, parameters: list[nn.Parameter], lr: float, weight_decay: float) -> dict[str, Any]:
    return {
        "params": parameters,
        "name": kind,
        "lr": lr,
        "initial_lr": lr,
        "weight_decay": weight_decay if kind in DECAYING else 0.0,
    }


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


def nominal_accumulation(batch: int, nbs: int) -> int:
    """Return how many batches make one step: the nominal batch size over the real one, rounded, at least 1."""
    return max(round(nbs / batch), 1)


def effective_weight_decay(weight_decay: float, *, batch: int, nbs: int) -> float:
    """Return the weight decay for the number of pictures that one step really sees."""
    return weight_decay * batch * nominal_accumulation(batch, nbs) / nbs


class Accumulation:
    """Counts the batches since the last step, across epochs.

    Attributes:
        pending: batches whose gradients are waiting for a step.
    """

    def __init__(self, pending: int = 0) -> None:
        self.pending = pending

    def is_due(self, wanted: int) -> bool:
        """Count one more batch; return whether its gradients complete a step of `wanted` batches."""
        self.pending += 1
        if self.pending < wanted:
            return False
        self.pending = 0
        return True


def pending_gradients(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of the gradients that wait for a step, by parameter name."""
    return {
        name: parameter.grad.detach().clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def restore_gradients(model: nn.Module, gradients: Mapping[str, Tensor]) -> None:
    """Give gradients back to the parameters they belong to; all others have none then.

    Raises:
        CheckpointError: a gradient belongs to no parameter, or to one of another shape.
    """
    parameters = dict(model.named_parameters())
    for name, gradient in gradients.items():
        if name not in parameters or parameters[name].shape != gradient.shape:
            raise CheckpointError(
                f"the gradient of {name}, shape {tuple(gradient.shape)}, fits no parameter of this network"
            )
    for name, parameter in parameters.items():
        stored = gradients.get(name)
        parameter.grad = None if stored is None else stored.to(parameter, copy=True)


def take_step(optimizer: Optimizer, scaler: GradScaler, max_norm: float) -> Tensor:
    """Move the parameters by their gradients, which stay for the caller to drop.

    Args:
        optimizer: its parameters hold the gradients of the scaled loss.
        scaler: scales losses for float16; switched off, it does nothing.
        max_norm: of all gradients together; larger ones are shortened to it.

    Returns:
        The norm of all gradients before clipping, a scalar.
    """
    scaler.unscale_(optimizer)
    norm = clip_grad_norm_(
        [parameter for group in optimizer.param_groups for parameter in group["params"]], max_norm=max_norm
    )
    scaler.step(optimizer)
    scaler.update()
    return norm


def restore_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Load a state dict of an optimiser with the same groups.

    Args:
        optimizer: changed in place; it may take over the tensors of `state` without copying them.
        state: what ``optimizer.state_dict()`` gave, perhaps by way of a file.

    Raises:
        CheckpointError: the state is of another optimiser, or for other parameters.
    """
    try:
        _check_groups(optimizer.param_groups, state["param_groups"])
        optimizer.load_state_dict(dict(state))
        _check_shapes(optimizer)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"the optimiser of the interrupted run does not fit this one: {error}. "
            "Resume with the optimizer, model and data that the run began with"
        ) from error


def _check_groups(own: list[dict[str, Any]], stored: list[dict[str, Any]]) -> None:
    found, expected = ([(group.get("name"), sorted(group)) for group in groups] for groups in (stored, own))
    if found != expected:
        raise ValueError(f"its parameter groups are {[name for name, _ in found]}, or are set up otherwise")


def _check_shapes(optimizer: Optimizer) -> None:
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.dim() > 0 and value.shape != parameter.shape:
                raise ValueError(f"{name} of shape {tuple(value.shape)} is for a parameter of {tuple(parameter.shape)}")
