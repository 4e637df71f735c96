"""Freezing: layers whose weights and statistics training leaves as they are."""

from collections.abc import Sequence

from torch import nn

from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.models.yolo.network import YoloNetwork

BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def freeze_layers(network: YoloNetwork, freeze: int | Sequence[int | str] | None) -> tuple[str, ...]:
    """Turn off the gradients of the frozen parts of a network, and turn on all others.

    The bin values of DFL are always frozen.

    Args:
        network: the network.
        freeze: the number of first layers, or a list of layers by index or dotted name, such as ``"23.cv2"``.

    Returns:
        How the names of frozen parameters start, for `rest_batch_norms`.

    Raises:
        SettingError: there is no such layer, or nothing would be left to train.
    """
    frozen = tuple(f"model.{layer}." for layer in _checked_layers(network, freeze))
    always = f"model.{len(network.model) - 1}.dfl."
    parameters = dict(network.named_parameters())
    if all(name.startswith((*frozen, always)) for name in parameters):
        raise SettingError(f"freeze={freeze} freezes the whole network: leave its head ({len(network.model) - 1}) out")
    for name, parameter in parameters.items():
        held = name.startswith((*frozen, always))
        if not held and not parameter.requires_grad:
            LOGGER.warning("%s was frozen without being named in freeze=%s: it is trained", name, freeze)
        parameter.requires_grad_(not held)
    return frozen


def rest_batch_norms(network: nn.Module, frozen: Sequence[str]) -> None:
    """Put the batch norms of frozen parts into evaluation mode; to be called after each ``network.train()``.

    Args:
        network: the network, not wrapped.
        frozen: what `freeze_layers` returned.
    """
    for name, module in network.named_modules():
        if isinstance(module, BATCH_NORMS) and f"{name}.".startswith(tuple(frozen)):
            module.eval()


def _checked_layers(network: YoloNetwork, freeze: int | Sequence[int | str] | None) -> list[str]:
    count = len(network.model)
    layers = list(range(freeze)) if isinstance(freeze, int) else list(freeze or ())
    names = [str(layer) for layer in layers]
    known = {name for name, _ in network.model.named_modules()}
    for name in names:
        if name not in known:
            raise SettingError(
                f"freeze={freeze}: this network has no layer {name!r}; its layers are 0 to {count - 1}, "
                f"and parts of them have names such as '{count - 1}.cv2'"
            )
    return names
