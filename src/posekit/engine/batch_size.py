"""How many pictures a training takes at a time: as set, as many as fit, or fewer once memory has run out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from posekit.config.commands import TASKS_WITH_OUTLINES
from posekit.config.settings import DEFAULT_IMGSZ
from posekit.engine import distributed
from posekit.engine.learner import Learner
from posekit.engine.training_batches import largest_side
from posekit.engine.training_run import TrainingRun
from posekit.errors import SettingError, TrainingError
from posekit.log import LOGGER
from posekit.sample import Batch, Targets

DEFAULT_BATCH: Final = 16
DEFAULT_FRACTION: Final = 0.6
LARGEST_BATCH: Final = 1024
SIZES: Final = (1, 2, 4, 8, 16)
SIZES_OF_LARGE_MEMORY: Final = (*SIZES, 32, 64)
LARGE_MEMORY: Final = 16 * 2**30  # bytes
HALVINGS: Final = 3
OBJECTS: Final = 4  # a made-up picture has so many times the objects of the fullest one


@dataclass(frozen=True, kw_only=True)
class MemoryProfile:
    """Batch sizes that fit, rising, the bytes that each took at its peak, and the smallest that failed, if any."""

    sizes: tuple[int, ...]
    memory: tuple[int, ...]
    failed: int | None = None


def automatic_batch(
    batch: float, device: torch.device, *, images: int, world_size: int, step: Callable[[int], object]
) -> int:
    """Return the batch size for a device.

    Args:
        batch: -1, or the share of the free memory to fill.
        device: where to train; without CUDA nothing is measured and `DEFAULT_BATCH` is taken.
        images: pictures of the training set.
        world_size: processes that train together.
        step: takes one training step with a batch of the given size; what it changes is the caller's to throw away.

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
    """Measure rising batch sizes until one does not fit: then `measure` raises `torch.OutOfMemoryError`."""
    memory: list[int] = []
    for size in sizes:
        try:
            memory.append(measure(size))
        except torch.OutOfMemoryError:  # noqa: PERF203  # at most once
            return MemoryProfile(sizes=sizes[: len(memory)], memory=tuple(memory), failed=size)
    return MemoryProfile(sizes=sizes, memory=tuple(memory))


def fit_batch(profile: MemoryProfile, *, budget: float, limit: int) -> int:
    """Return the largest batch size, `limit` at most, whose memory, taken as a straight line, stays within a budget.

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


def starting_batch(run: TrainingRun, device: torch.device) -> int:
    """Return the pictures per batch of all processes together, at most as many as there are."""
    batch, count, world = run.settings.batch, len(run.train.pictures), distributed.world_size()
    if batch < 1:
        weights = {name: tensor.clone() for name, tensor in run.model.network.state_dict().items()}
        batch = automatic_batch(
            batch, device, images=count, world_size=world, step=lambda size: take_trial_step(run, device, size)
        )
        run.model.network.load_state_dict(weights)
        run.model.network.zero_grad(set_to_none=True)
    usable = max(1, min(int(batch), count) // world) * world
    if world > 1 and usable != int(batch):
        LOGGER.warning("batch=%d: %d processes take %d pictures each", batch, world, usable // world)
    return usable


def halved_batch(batch: int, halvings: int) -> int | None:
    """Return a batch size for another attempt after `batch` did not fit in the first epoch; None when there is none."""
    if batch == 1 or halvings == HALVINGS or distributed.world_size() > 1:
        return None
    return batch // 2


def take_trial_step(run: TrainingRun, device: torch.device, size: int) -> None:
    """Learn once from a made-up batch of the largest input size; the weights are the caller's to restore."""
    side = largest_side(run.settings.imgsz or DEFAULT_IMGSZ, run.settings.multi_scale, run.model.placing.stride)
    run = replace(run, settings=replace(run.settings, multi_scale=0.0))
    learner = Learner(run, device, batch=size, batches=1)
    learner.start_epoch()
    learner.learn(_made_up_batch(run, size, side), 0)


def _made_up_batch(run: TrainingRun, size: int, side: int) -> Batch:
    """Return `size` grey pictures of a side, with more objects on each than on the fullest real one."""
    each = OBJECTS * max(1, int(run.train.pictures.counts.max()))
    count, rng = size * each, np.random.default_rng(0)
    boxes = np.concatenate((rng.uniform(0.2, 0.8, (count, 2)), rng.uniform(0.05, 0.4, (count, 2))), 1)
    points = 0 if run.model.schema is None else run.model.schema.count
    places = rng.uniform(0.1, 0.9, (count, points, 3)) * (1, 1, 0) + (0, 0, 2)
    targets = Targets(
        pictures=torch.arange(size).repeat_interleave(each),
        classes=torch.zeros(count, dtype=torch.int64),
        boxes=torch.from_numpy(boxes).float(),
        keypoints=torch.from_numpy(places).float() if points else None,
    )
    if run.model.task in TASKS_WITH_OUTLINES:
        # Masks that cover everything.
        low, overlap = side // run.settings.mask_ratio, run.settings.overlap_mask
        targets = replace(
            targets,
            masks=torch.ones((size if overlap else count, low, low), dtype=torch.uint8),
            overlap=overlap,
            semantic=torch.zeros((size, low, low)),
        )
    images = torch.full((size, 3, side, side), 114, dtype=torch.uint8)
    return Batch(images=images, samples=[], letterboxes=[], targets=targets)
