"""Freezing: parts of a network whose weights training leaves as they are."""

from collections.abc import Sequence
from typing import Final

from torch import nn

from posekit.errors import SettingError
from posekit.models.rfdetr.recognise import DINO

# What no picture has an influence on: it stands for patches that are hidden while a backbone is made.
ALWAYS: Final = (f"{DINO}embeddings.mask_token",)


def freeze_parts(network: nn.Module, freeze: int | Sequence[int | str] | None) -> None:
    """Turn off the gradients of the frozen parts of a network, and turn on all others.

    Args:
        network: the network.
        freeze: dotted names of parts, such as ``"backbone"`` or ``"transformer.decoder"``.

    Raises:
        SettingError: there is no such part, or nothing would be left to train.
    """
    if isinstance(freeze, int) or any(isinstance(part, int) for part in freeze or ()):
        raise SettingError(f"freeze={freeze}: the parts of an RF-DETR network have names: freeze=[backbone]")
    parts = [str(part) for part in freeze or ()]
    known = {name for name, _ in network.named_modules() if name}
    unknown = [part for part in parts if part not in known]
    if unknown:
        raise SettingError(f"freeze={freeze}: there is no {unknown[0]}; parts are {', '.join(_children(network))}")
    frozen = (*(f"{part}." for part in parts), *ALWAYS)
    parameters = dict(network.named_parameters())
    if all(name.startswith(frozen) for name in parameters):
        raise SettingError(f"freeze={freeze} freezes the whole network: leave a part out")
    for name, parameter in parameters.items():
        parameter.requires_grad_(not name.startswith(frozen))


def _children(network: nn.Module) -> list[str]:
    return [name for name, module in network.named_children() if any(True for _ in module.parameters())]
