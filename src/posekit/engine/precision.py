"""Arithmetic of a training: 16 bits where the device can be trusted with them."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from posekit.config.settings import ValSettings
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.scene import make_scene
from posekit.engine import distributed
from posekit.engine.training_run import TrainingRun
from posekit.log import LOGGER
from posekit.models.contract import Trainable

PRECISIONS: Final = {True: torch.float16, "fp16": torch.float16, "bf16": torch.bfloat16}

# Consumer GPUs of this line give wrong numbers, or none, in float16.
UNTRUSTED_GPUS: Final = re.compile(r"\bGTX 16\d\d\b")

SIDE: Final = 320  # pixels of the picture that both ways are compared on

TOLERANCE: Final = 0.1  # root mean square of the difference, as a share of that of the values

# Values below say nothing: in networks with fresh weights signals fade, at last below the smallest float16.
SMALL: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Arithmetic of a training: `dtype` of the network's computations, None for 32 bits; `scaled` for float16."""

    dtype: torch.dtype | None

    @classmethod
    def of(cls, amp: bool | str, device: torch.device) -> "Precision":
        """Return the precision of the setting ``amp``: 16 bits on CUDA; bfloat16 also on CPUs when asked for."""
        dtype = PRECISIONS.get(amp)
        on_cuda = device.type == "cuda"
        return cls(dtype=dtype if on_cuda or (dtype == torch.bfloat16 and device.type == "cpu") else None)

    @property
    def scaled(self) -> bool:
        """Whether losses are scaled so that small gradients survive."""
        return self.dtype == torch.float16


def trusted_amp(run: TrainingRun, device: torch.device) -> bool | str:
    """Return the setting ``amp``, or false, with a warning, where float16 cannot be trusted; alike in all processes."""
    amp = run.settings.amp
    if not Precision.of(amp, device).scaled:
        return amp
    problem = problem_of(torch.cuda.get_device_name(device))
    if problem is None and not agrees(run.model, device, torch.float16):
        problem = "the network predicts something else in 16 bits than in 32"
    problems = [each for each in distributed.gather(problem) if each]
    if not problems:
        return amp
    LOGGER.warning("amp=%s: %s; training in 32 bits", amp, problems[0])
    return False


def problem_of(gpu: str) -> str | None:
    """Return why a GPU of a name is not trusted with float16; None when it is."""
    return f"{gpu} is known for wrong numbers in 16 bits" if UNTRUSTED_GPUS.search(gpu) else None


def agrees(model: Trainable, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a network, moved to the device, says about the same of a drawn picture in 32 and in 16 bits."""
    network = model.network.to(device)
    measured = model.validation(network, device, settings := ValSettings(imgsz=SIDE))
    batch = measured.placing.place([make_scene(0, SceneSettings(size=(SIDE, SIDE)))], (SIDE, SIDE))
    with evaluating(network):
        exact = measured.run(batch, settings)
        with torch.autocast(device.type, dtype):
            rough = measured.run(batch, settings)
    return all(_close(ours, theirs) for ours, theirs in zip(_tensors(rough), _tensors(exact), strict=True))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and its modules back into theirs."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _tensors(outputs: Any) -> Iterator[Tensor]:
    """Yield the floating tensors of nested outputs."""
    if isinstance(outputs, Tensor):
        if outputs.is_floating_point():
            yield outputs
    elif isinstance(outputs, Mapping | tuple | list):
        for part in outputs.values() if isinstance(outputs, Mapping) else outputs:
            yield from _tensors(part)


def _close(rough: Tensor, exact: Tensor) -> bool:
    difference = float((rough.float() - exact.float()).square().mean().sqrt())
    return difference <= TOLERANCE * max(float(exact.float().square().mean().sqrt()), SMALL)  # NaN is never close
