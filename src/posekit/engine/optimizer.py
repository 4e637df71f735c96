"""What moves the weights: the optimiser and its groups, and learning rate, momentum and accumulation over a run."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil, cos, pi
from typing import Any, Final

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop

from posekit.config.settings import OptimizerSettings, TrainSettings
from posekit.engine.musgd import MuSGD
from posekit.errors import SettingError
from posekit.models.contract import RateRule

LONG_RUN: Final = 10_000  # iterations of nominal batches; longer runs take MuSGD
AUTO_MOMENTUM: Final = 0.9
BETA2: Final = 0.999
BOOST: Final = 3.0  # learning rate of boosted parameters, relative to the others
PLAIN_ORDER: Final = ("weight", "bn", "bias")
MUON_ORDER: Final = (*PLAIN_ORDER, "muon")
DECAYING: Final = ("weight", "muon")
NORMALISATIONS: Final = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d,
    nn.InstanceNorm3d, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm,
)  # fmt: skip
ADAM_FAMILY: Final[dict[str, Callable[..., Optimizer]]] = {
    kind.__name__.lower(): kind for kind in (Adam, AdamW, NAdam, RAdam, Adamax)
}
Groups = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class OptimizerChoice:
    """What an optimiser is built from.

    Attributes:
        name: one of the choices of the setting ``optimizer``, never ``auto``; case does not matter.
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

    It decides by the `planned_iterations`; the rate for AdamW falls with the number of classes.
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
        choice: name, learning rate and momentum.
        weight_decay: L2 penalty of what decays, see `effective_weight_decay`.
        boosted: full names of the parameters that MuSGD moves faster.
        rates: rules for learning rates and decay; none: by the kind of the parameter.

    Raises:
        SettingError: there is no optimiser of this name.
    """
    name, lr, momentum = choice.name.lower(), choice.lr, choice.momentum
    muon = name == "musgd"
    if rates:
        groups = ruled_groups(model, rates, lr=lr, weight_decay=weight_decay, muon=muon)
    elif muon:
        groups = muon_groups(model, lr=lr, weight_decay=weight_decay, boosted=boosted)
    else:
        groups = plain_groups(model, lr=lr, weight_decay=weight_decay)
    if muon:
        return MuSGD(groups, lr=lr, momentum=momentum, nesterov=True)
    if name == "sgd":
        return SGD(groups, lr=lr, momentum=momentum, nesterov=momentum > 0)
    if name == "rmsprop":
        return RMSprop(groups, lr=lr, momentum=momentum)
    if name in ADAM_FAMILY:
        return ADAM_FAMILY[name](groups, lr=lr, betas=(momentum, BETA2))
    known = "MuSGD, SGD, Adam, AdamW, NAdam, RAdam, Adamax, RMSProp or auto"
    raise SettingError(f"optimizer={choice.name} is not known: expected {known}")


def plain_groups(model: nn.Module, *, lr: float, weight_decay: float) -> Groups:
    """Return the three groups weight, bn and bias of a network that is not wrapped, as `torch.optim` takes them.

    Each has besides its ``params`` a ``name``, its ``lr``, the same as ``initial_lr``, and ``weight_decay``: that
    which is given for the kinds that decay, else 0.
    """
    members: dict[str, list[nn.Parameter]] = {kind: [] for kind in PLAIN_ORDER}
    normalising = _normalisation_parameters(model)
    for name, parameter in model.named_parameters():
        members[_plain_kind(name, normalising)].append(parameter)
    return [_group(kind, members[kind], lr, weight_decay) for kind in PLAIN_ORDER]


def muon_groups(model: nn.Module, *, lr: float, weight_decay: float, boosted: Collection[str] = ()) -> Groups:
    """Return the eight groups of `MuSGD`: weight, bn, bias, muon, of each first the boosted part at `BOOST` times `lr`.

    A group may be empty. Each has, besides what `plain_groups` gives, ``muon``: whether its updates are
    orthogonalised. `boosted` are full names of parameters, which the family of the model knows.
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
) -> Groups:
    """Return one group per learning rate, of what decays and of what does not, in the form of `plain_groups`.

    The first rule that fits a parameter counts. With `muon` the groups are for `MuSGD`: tensors of two or four
    dimensions have groups of their own.
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


def nominal_accumulation(batch: int, nbs: int) -> int:
    """Return how many batches make one step: the nominal batch size over the real one, rounded, at least 1."""
    return max(round(nbs / batch), 1)


def effective_weight_decay(weight_decay: float, *, batch: int, nbs: int) -> float:
    """Return the weight decay for the number of pictures that one step really sees."""
    return weight_decay * batch * nominal_accumulation(batch, nbs) / nbs


def take_step(optimizer: Optimizer, scaler: GradScaler, max_norm: float) -> Tensor:
    """Move the parameters by their gradients, which stay for the caller to drop; longer ones than `max_norm` are cut.

    Args:
        optimizer: its parameters hold the gradients of the scaled loss.
        scaler: scales losses for float16; switched off, it does nothing.
        max_norm: of all gradients together.

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


def linear_factor(epoch: int, epochs: int, last: float) -> float:
    """Return the factor on learning rates in an epoch (0-based): from 1 straight towards `last`."""
    return max(1 - epoch / epochs, 0.0) * (1 - last) + last


def cosine_factor(epoch: int, epochs: int, last: float) -> float:
    """Return the factor on learning rates in an epoch (0-based): from 1 along half a cosine towards `last`."""
    return max((1 - cos(epoch * pi / epochs)) / 2, 0.0) * (last - 1) + 1


def warmup_length(warmup_epochs: float, *, epochs: int, batches: int) -> int:
    """Return the iterations of the warm-up, which ends before the last epoch; 0 means none."""
    return round(min(warmup_epochs, max(epochs - 1, 0)) * batches)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What learning rate, momentum and accumulation are at each iteration of a run.

    Iterations count batches from 0 through all epochs: iteration = batch + epoch * `batches`.

    Attributes:
        epochs: epochs of the run.
        batches: batches per epoch.
        factor: maps (epoch, epochs, last) to the factor on learning rates, such as `linear_factor`.
        last: the factor that the run heads for.
        warmup: iterations of the warm-up; 0 without.
        bias_lr: learning rate of biases at iteration 0 of the warm-up; others start at 0.
        momenta: momentum at the start and at the end of the warm-up.
        accumulate: batches per step after the warm-up.
        nominal: the same before rounding: what the warm-up heads for.
    """

    epochs: int
    batches: int
    factor: Callable[[int, int, float], float]
    last: float
    warmup: int
    bias_lr: float
    momenta: tuple[float, float]
    accumulate: int
    nominal: float

    @classmethod
    def of(cls, settings: TrainSettings, choice: OptimizerChoice, *, batches: int, batch: int) -> "Schedule":
        """Return the schedule of a run of `batches` per epoch, each of `batch` pictures."""
        # Whoever limits time does not know the number of epochs; else a run takes at least one full step.
        most = float("inf") if settings.time is not None else batches * settings.epochs
        return cls(
            epochs=settings.epochs,
            batches=batches,
            factor=cosine_factor if settings.cos_lr else linear_factor,
            last=settings.lrf,
            warmup=warmup_length(settings.warmup_epochs, epochs=settings.epochs, batches=batches),
            bias_lr=choice.warmup_bias_lr,
            momenta=(settings.warmup_momentum, settings.momentum),
            accumulate=int(min(nominal_accumulation(batch, settings.nbs), most)),
            nominal=min(settings.nbs / batch, most),
        )

    def accumulation_at(self, iteration: int) -> int:
        """Return how many batches make one step at an iteration."""
        if not self._warms_up(iteration):
            return self.accumulate
        return max(1, round(self._ramp(iteration, 1.0, self.nominal)))

    def apply(self, optimizer: Optimizer, iteration: int) -> None:
        """Set learning rates, and during the warm-up momenta, of all groups (see `plain_groups`) for an iteration.

        Momentum is set where a group has one: the betas of the Adam family stay.
        """
        factor = self.factor(iteration // self.batches, self.epochs, self.last)
        warming = self._warms_up(iteration)
        for group in optimizer.param_groups:
            lr = group["initial_lr"] * factor
            if warming:
                lr = self._ramp(iteration, self.bias_lr if group["name"] == "bias" else 0.0, lr)
                if "momentum" in group:
                    group["momentum"] = self._ramp(iteration, *self.momenta)
            group["lr"] = lr

    def _warms_up(self, iteration: int) -> bool:
        return 0 < self.warmup >= iteration

    def _ramp(self, iteration: int, start: float, stop: float) -> float:
        """Return what goes straight from `start` at iteration 0 to `stop` at the end of the warm-up."""
        share = iteration / self.warmup
        return start * (1 - share) + stop * share


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """Return the learning rate of each group by the name it has in result files, ``lr/pg0`` and so on."""
    return {f"lr/pg{index}": float(group["lr"]) for index, group in enumerate(optimizer.param_groups)}
