"""Parameter groups of an optimiser: which weights decay, which learn faster.

Each parameter belongs to the first kind that it fits:

| kind | members | decays |
|---|---|---|
| muon (MuSGD only) | tensors of two or four dimensions | yes |
| bias | "bias" in the full name | no |
| bn | parameters of normalisation layers, "logit_scale" in the full name | no |
| weight | the rest | yes |

Parameters without gradient are members, too: freezing and thawing does not move the others. Families may have rules of
their own instead, see `ruled_groups`.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from torch import nn

from posekit.models.recipe import RateRule

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
