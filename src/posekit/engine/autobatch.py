"""Finds the batch size that fills a share of the memory: ``batch=-1`` or a fraction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from posekit.errors import SettingError, TrainingError
from posekit.log import LOGGER

DEFAULT_BATCH: Final = 16
DEFAULT_FRACTION: Final = 0.6
LARGEST_BATCH: Final = 1024
SIZES: Final = (1, 2, 4, 8, 16)
SIZES_OF_LARGE_MEMORY: Final = (*SIZES, 32, 64)
LARGE_MEMORY: Final = 16 * 2**30  # bytes


@dataclass(frozen=True, kw_only=True)
class MemoryProfile:
    """How much memory training takes.

    Attributes:
        sizes: batch sizes that fit, rising.
        memory: bytes that each took at its peak.
        failed: the smallest size that did not fit; None when all did.
    """

    sizes: tuple[int, ...]
    memory: tuple[int, ...]
    failed: int | None = None


def is_automatic(batch: float) -> bool:
    """Whether a `batch` setting asks for a size to be found."""
    return batch < 1


def automatic_batch(
    batch: float, device: torch.device, *, images: int, world_size: int, step: Callable[[int], object]
) -> int:
    """Return the batch size for a device.

    Args:
        batch: -1, or the share of the free memory to fill.
        device: where to train; without CUDA nothing is measured and `DEFAULT_BATCH` is taken.
        images: pictures of the training set.
        world_size: processes that train together.
        step: takes one training step with a made-up batch of the given size, at the largest input size and with
            more objects than usual; its weights and gradients are the caller's to throw away.

    Raises:
        SettingError: several processes train together.
        TrainingError: not even one picture fits.
    """
    if world_size > 1:
        raise SettingError(
            f"batch={batch:g}: a size cannot be found for several devices; give a number, as in batch=64"
        )
    if device.type != "cuda":
        LOGGER.warning("batch=%g: sizes are found on CUDA devices only; taking batch=%d", batch, DEFAULT_BATCH)
        return DEFAULT_BATCH
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    sizes = SIZES_OF_LARGE_MEMORY if total >= LARGE_MEMORY else SIZES
    profile = profile_memory(lambda size: peak_memory(step, size, device), sizes)
    return fit_batch(profile, budget=free * (batch if batch > 0 else DEFAULT_FRACTION), limit=images)


def peak_memory(step: Callable[[int], object], size: int, device: torch.device) -> int:
    """Return the most bytes that a CUDA device reserves during a step."""
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved(device)
    torch.cuda.reset_peak_memory_stats(device)
    step(size)
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_reserved(device) - before


def profile_memory(measure: Callable[[int], int], sizes: tuple[int, ...]) -> MemoryProfile:
    """Measure batch sizes one after the other until one does not fit.

    Args:
        measure: returns the bytes for a size, or raises `torch.OutOfMemoryError`.
        sizes: rising.
    """
    memory: list[int] = []
    for size in sizes:
        needed = _memory_if_it_fits(measure, size)
        if needed is None:
            return MemoryProfile(sizes=sizes[: len(memory)], memory=tuple(memory), failed=size)
        memory.append(needed)
    return MemoryProfile(sizes=sizes, memory=tuple(memory))


def fit_batch(profile: MemoryProfile, *, budget: float, limit: int) -> int:
    """Return the largest batch size whose memory, taken as a straight line over the size, stays within a budget.

    Args:
        profile: what was measured.
        budget: bytes.
        limit: most pictures that make sense.

    Raises:
        TrainingError: not even one picture fits.
    """
    if not profile.sizes:
        raise TrainingError(
            "not even one picture fits into the memory of the device: lower imgsz, or take a smaller model"
        )
    most = min(LARGEST_BATCH, limit)
    if len(profile.sizes) == 1:
        return 1
    slope, intercept = (float(value) for value in np.polyfit(profile.sizes, profile.memory, 1))
    if slope <= 0:
        LOGGER.warning("the memory of a step does not grow with the batch size; taking batch=%d", DEFAULT_BATCH)
        return min(DEFAULT_BATCH, most, profile.sizes[-1])
    size = int((budget - intercept) // slope)
    if profile.failed is not None and size >= profile.failed:
        size = profile.sizes[-1]
    return max(1, min(size, most))


def _memory_if_it_fits(measure: Callable[[int], int], size: int) -> int | None:
    try:
        return measure(size)
    except torch.OutOfMemoryError:
        return None
