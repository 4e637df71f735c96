"""What one process of several needs to know of the others."""

import atexit
import logging
import os
from typing import TypeVar

import torch.distributed

from posekit.log import LOGGER

Part = TypeVar("Part")


def join_processes(device: str | None) -> str | None:
    """Join the other processes of a `torchrun`, if this is one, and return the device setting for this process.

    Of the devices of a machine each process gets one. Only the first process logs more than errors.

    Args:
        device: the setting of all processes: None or ``0,1,...`` for GPUs, or ``cpu``.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return device
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    if not _together():
        torch.distributed.init_process_group("gloo" if on_cpu else "nccl")
        atexit.register(torch.distributed.destroy_process_group)
    if rank() > 0:
        LOGGER.setLevel(logging.ERROR)
    if on_cpu:
        return device
    chosen = (device or "").replace("cuda:", "").split(",") if device else []
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if len(chosen) > 1:
        return chosen[local % len(chosen)]
    torch.cuda.set_device(local)
    return str(local)


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


def _together() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
