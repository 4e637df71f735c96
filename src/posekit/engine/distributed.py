"""What one process of several needs to know of the others."""

import atexit
import gc
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

import torch.distributed

from posekit.engine.device import select_device
from posekit.errors import SettingError
from posekit.log import LOGGER

Part = TypeVar("Part")
# How long a process waits for the others: one of them may fetch a data set, or draw the figures of a large one.
PATIENCE: Final = timedelta(hours=3)


def is_one_of_several() -> bool:
    """Whether this process was started together with others, by ``torchrun`` or by posekit."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def join_processes(device: str | None) -> str | None:
    """Join the other processes, if there are any, and return the device setting for this process.

    Of the devices of a machine each process gets one. Only the first process logs more than errors.

    Args:
        device: the setting of all processes: None or ``0,1,...`` for GPUs, or ``cpu``.

    Raises:
        SettingError: there are not enough devices.
    """
    if not is_one_of_several():
        return device
    own = _own_device(device)
    chosen = select_device(own)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if not _together():
        nccl = chosen.type == "cuda" and torch.distributed.is_nccl_available()
        torch.distributed.init_process_group("nccl" if nccl else "gloo", timeout=PATIENCE)
        atexit.register(_leave)
    if rank() > 0:
        LOGGER.setLevel(logging.ERROR)
    return own


def rank() -> int:
    """Return the number of this process, 0 when it is alone."""
    return torch.distributed.get_rank() if _together() else 0


def world_size() -> int:
    """Return how many processes work together."""
    return torch.distributed.get_world_size() if _together() else 1


def gather(part: Part) -> list[Part]:
    """Return the parts of all processes by rank; each process must call this, and each gets all parts."""
    if not _together():
        return [part]
    parts: list[Part | None] = [None] * world_size()
    torch.distributed.all_gather_object(parts, part)
    return parts  # type: ignore[return-value]  # every rank has filled its place


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Let the first process do something alone, such as a download; then the others, who find it done.

    Each process must enter the context.
    """
    if rank() > 0:
        gather(None)
    try:
        yield
    finally:
        if rank() == 0:
            gather(None)


def _own_device(device: str | None) -> str:
    """Return which of the devices of a setting is this process's."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
    named = [] if device in (None, "cuda") else str(device).replace("cuda:", "").split(",")
    if set(named) == {"cpu"} or not (named or torch.cuda.is_available()):
        return "cpu"
    if named and (len(named) < processes or not all(name.isdecimal() for name in named)):
        raise SettingError(
            f"device={device}: {processes} processes need a GPU each: name as many, as in 0,1; leave device out; or "
            "take device=cpu"
        )
    local = int(os.environ.get("LOCAL_RANK", "0"))
    return named[local] if named else str(local)


def _leave() -> None:
    gc.collect()  # what still refers to the group may crash PyTorch when the interpreter ends
    torch.distributed.destroy_process_group()


def _together() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
