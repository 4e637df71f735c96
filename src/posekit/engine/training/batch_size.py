"""How many pictures a training takes at a time: as set, as many as fit, or fewer once memory has run out."""

from dataclasses import replace

import numpy as np
import torch

from posekit.config.task_parts import TASKS_WITH_OUTLINES
from posekit.engine import distributed
from posekit.engine.autobatch import automatic_batch, is_automatic
from posekit.engine.training.default_side import DEFAULT_SIDE
from posekit.engine.training.input_size import largest_side
from posekit.engine.training.learner import Learner
from posekit.engine.training.run import TrainingRun
from posekit.log import LOGGER
from posekit.sample import Batch, Targets

HALVINGS = 3
OBJECTS = 4  # a made-up picture has so many times the objects of the fullest one


def starting_batch(run: TrainingRun, device: torch.device) -> int:
    """Return the pictures per batch of all processes together, at most as many as there are.

    Raises:
        SettingError: a size is to be found for several processes.
        TrainingError: not even one picture fits into the memory.
    """
    batch, count, world = run.settings.batch, len(run.train.pictures), distributed.world_size()
    if is_automatic(batch):
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
    """Return a batch size for another attempt after memory ran out in the first epoch; None when there is none.

    Args:
        batch: pictures that did not fit.
        halvings: how often the size was halved before.
    """
    if batch == 1 or halvings == HALVINGS or distributed.world_size() > 1:
        return None
    return batch // 2


def take_trial_step(run: TrainingRun, device: torch.device, size: int) -> None:
    """Learn once from a made-up batch of the largest input size; the weights are the caller's to restore.

    Args:
        run: the training.
        device: where to compute.
        size: pictures in the batch.
    """
    side = largest_side(run.settings.imgsz or DEFAULT_SIDE, run.settings.multi_scale, run.model.stride)
    run = replace(run, settings=replace(run.settings, multi_scale=0.0))
    learner = Learner(run, device, batch=size, batches=1)
    learner.start_epoch()
    learner.learn(_made_up_batch(run, size, side), 0)


def _made_up_batch(run: TrainingRun, size: int, side: int) -> Batch:
    """Return `size` grey pictures of a side, with more objects on each than on the fullest real one."""
    each = OBJECTS * max(1, *(len(picture) for picture in run.train.pictures))
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
        targets = _with_masks(targets, size, side // run.settings.mask_ratio, overlap=run.settings.overlap_mask)
    images = torch.full((size, 3, side, side), 114, dtype=torch.uint8)
    return Batch(images=images, samples=[], letterboxes=[], targets=targets)


def _with_masks(targets: Targets, size: int, side: int, *, overlap: bool) -> Targets:
    """Return the targets with masks that cover everything."""
    count = size if overlap else len(targets)
    return replace(
        targets,
        masks=torch.ones((count, side, side), dtype=torch.uint8),
        overlap=overlap,
        semantic=torch.zeros((size, side, side)),
    )
