"""What the networks of every family do alike: adapting settings, input on a device, fitting weights, freezing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from posekit.config.settings import PredictSettings
from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.models.contract import AnySettings, Model
from posekit.sample import Batch

LISTED: Final = 3  # names shown in an error before "and n more"


def adapted(model: Model, settings: AnySettings, *, is_half: bool, augments: bool, augmenting: str) -> AnySettings:
    """Return settings as a network in PyTorch can follow them (see `Model.adapt`).

    Args:
        model: the network.
        settings: the user's.
        is_half: whether it computes in 16 bits.
        augments: whether it can do test-time augmentation.
        augmenting: the networks that can.
    """
    predicts = isinstance(settings, PredictSettings)
    size = model.placing.input_size(settings.imgsz or model.imgsz)
    if settings.augment and not augments:
        without = "predicting" if predicts else "validating"
        LOGGER.warning("augment=True works for %s only: %s without it", augmenting, without)
    if settings.half and not is_half:
        LOGGER.warning("half=True: 16-bit arithmetic needs an accelerator; computing in 32 bits on the CPU")
    changes: dict[str, Any] = {"imgsz": size if predicts else size[0], "augment": settings.augment and augments}
    return replace(settings, **changes)


def on_device(batch: Batch, device: torch.device) -> Tensor:
    """Return the images (B, 3, H, W) of a batch as floats in [0, 1] on a device.

    Arithmetic waits until here: a thread that computes with PyTorch keeps a pool of its own busy, so pictures are only
    copied in the background, and travel to the device as bytes.
    """
    images = batch.images.to(device)
    return images / 255 if images.dtype == torch.uint8 else images  # bytes become float32 on division


def wait_for(device: torch.device) -> None:
    """Let an accelerator finish, so that times are those of the work itself."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def mean_vectors(maps: Sequence[Tensor]) -> list[Tensor]:
    """Return per picture the means of maps (B, C, H, W), joined: B vectors of float32."""
    return list(torch.cat([one.mean((2, 3)) for one in maps], 1).float())


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a network for a file: detached, in main memory."""
    return {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}


def misfits(state: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return what is wrong with tensors for a network of these names and shapes, in words."""
    problems = [f"{name} is missing" for name in expected if name not in state]
    problems += [f"{name} is left over" for name in state if name not in expected]
    return problems + [
        f"{name} is {tuple(tensor.shape)} instead of {expected[name]}"
        for name, tensor in state.items()
        if name in expected and tuple(tensor.shape) != expected[name]
    ]


def listed(problems: Sequence[str]) -> str:
    """Return the first few problems, and how many more there are."""
    more = f" and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
    return f"{', '.join(problems[:LISTED])}{more}"


def freeze(network: nn.Module, frozen: Sequence[str], always: Sequence[str], setting: object, remedy: str) -> None:
    """Turn off the gradients of parameters whose names begin so, and turn on all others.

    Args:
        network: the network.
        frozen: how names begin that the user has frozen.
        always: how names begin that never learn.
        setting: ``freeze`` as the user gave it, for messages.
        remedy: what to do when nothing would be left to train.

    Raises:
        SettingError: nothing would be left to train.
    """
    parameters = dict(network.named_parameters())
    starts = (*frozen, *always)
    if all(name.startswith(starts) for name in parameters):
        raise SettingError(f"freeze={setting} freezes the whole network: {remedy}")
    for name, parameter in parameters.items():
        held = name.startswith(starts)
        if not held and not parameter.requires_grad:
            LOGGER.warning("%s was frozen without being named in freeze=%s: it is trained", name, setting)
        parameter.requires_grad_(not held)
