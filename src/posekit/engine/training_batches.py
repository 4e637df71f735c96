"""Training batches, made ready ahead of the network."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from posekit.augment.albumentations import AlbumentationsTransform, open_transforms
from posekit.augment.format import FormattedSample, MaskForm, collate
from posekit.augment.pipeline import TrainingPipeline, picture_generator, recent_pictures, window_length
from posekit.augment.warps import Stretch
from posekit.config.commands import TASKS_WITH_OUTLINES
from posekit.config.settings import DEFAULT_IMGSZ, TrainSettings
from posekit.data.loader import PictureLoader, open_store
from posekit.engine.training_run import TrainingRun
from posekit.errors import SettingError
from posekit.io.prefetch import Prefetcher
from posekit.log import LOGGER
from posekit.models.contract import Trainable
from posekit.ops.letterbox import BatchPlan, plan_rect_batches
from posekit.sample import Batch

PREFETCHED: Final = 3  # batches made ready ahead of the network
SEED_STEP: Final = 2**32  # from one attempt at an epoch to the next


def sides(side: int, change: float, stride: int) -> range:
    """Return the sides, in pixels and before they are rounded down to the stride, that pictures of a side may get."""
    smallest, largest = (int(round(side * factor, ndigits=6)) for factor in (1 - change, 1 + change))
    return range(max(stride, smallest), largest + stride)


def smallest_side(side: int, change: float, stride: int) -> int:
    """Return the smallest side in pixels, a multiple of the stride, that pictures of a side may get."""
    return sides(side, change, stride)[0] // stride * stride if change else side


def largest_side(side: int, change: float, stride: int) -> int:
    """Return the largest side in pixels, a multiple of the stride, that pictures of a side may get."""
    return sides(side, change, stride)[-1] // stride * stride if change else side


def prepared_side(settings: TrainSettings, model: Trainable) -> int:
    """Return the side in pixels that pictures are made in before `rescaled`: the largest where they are stretched."""
    side = settings.imgsz or DEFAULT_IMGSZ
    return side if model.recipe.crops is None else largest_side(side, settings.multi_scale, model.placing.stride)


def rescaled(images: Tensor, change: float, stride: int, seed: Sequence[int], side: int) -> Tensor:
    """Return pictures (B, 3, H, W) float, resized so that their longer side is within a share `change` of `side`.

    The size is drawn by `seed`; both sides are multiples of the stride.
    """
    given = max(images.shape[2:])
    choice = sides(side, change, stride)
    wanted = int(np.random.default_rng(seed).integers(choice.start, choice.stop)) // stride * stride
    if wanted == given:
        return images
    height, width = (-(-round(length * wanted / given) // stride) * stride for length in images.shape[2:])
    return interpolate(images, (height, width), mode="bilinear", align_corners=False)


class TrainingBatches:
    """The pictures of a training, augmented and in batches, in an order of their own in every epoch.

    What comes out depends on the seed, the epoch and the data set alone.

    Args:
        run: the training.
        batch: pictures per batch, of this process.
        rank: number of this process, which takes every `processes`-th picture of an epoch from there on.
        processes: how many train together.

    Raises:
        SettingError: the last batch would be a single picture that is too small for batch norms.
    """

    def __init__(self, run: TrainingRun, batch: int, *, rank: int = 0, processes: int = 1) -> None:
        settings, pictures, crops = run.settings, run.train.pictures, run.model.recipe.crops
        self._imgsz = prepared_side(settings, run.model)
        self._seed = settings.seed
        self._batch = batch
        self._rank, self._processes = rank, processes
        sizes = [run.model.placing.load_size(size, self._imgsz) for size in pictures.picture_sizes]
        self._loader = PictureLoader(pictures, sizes, open_store(settings.cache, sizes), workers=1)
        threads = min(settings.workers, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(threads, "posekit augment") if threads > 1 else None
        self._window = window_length(len(pictures), batch)
        with_masks = run.model.task in TASKS_WITH_OUTLINES
        transforms = open_transforms(settings.augmentations)
        self._pipeline = TrainingPipeline(
            settings,
            fetch=lru_cache(self._window)(self._loader.sample),
            count=len(pictures),
            imgsz=self._imgsz,
            schema=run.model.schema,
            masks=MaskForm(overlap=settings.overlap_mask, ratio=settings.mask_ratio) if with_masks else None,
            transform=AlbumentationsTransform(transforms, run.model.schema) if transforms else None,
            stretch=None if crops is None else Stretch(side=self._imgsz, crops=crops, probability=settings.random_crop),
        )
        self._count = len(pictures)
        self._plans: list[BatchPlan] | None = None
        if settings.rect and crops is not None:
            LOGGER.warning("rect=True has no effect: this network takes pictures stretched to squares")
        elif settings.rect and processes > 1:  # they need as many batches as one another
            LOGGER.warning("rect=True has no effect: several processes train on squares")
        elif settings.rect:
            stride = run.model.placing.stride
            self._plans = plan_rect_batches(sizes, imgsz=self._imgsz, batch=batch, stride=stride, pad=0.0)
        self._check_smallest_batch(run)

    def __len__(self) -> int:
        """Batches per epoch."""
        if self._plans is not None:
            return len(self._plans)
        return -(-self._per_process() // self._batch)

    def epoch(self, number: int, *, joined: bool, attempt: int = 0) -> AbstractContextManager[Iterator[Batch]]:
        """Return the batches of an epoch (0-based); leaving the context ends the reading ahead.

        Args:
            number: of the epoch.
            joined: whether pictures may be joined to mosaics and the like.
            attempt: how often the epoch was begun before in vain: each has other random numbers.
        """
        seed = self._seed + SEED_STEP * attempt
        make = self._squares if self._plans is None else self._rectangles
        return Prefetcher(make(seed, number, joined), PREFETCHED)

    def close(self) -> None:
        """End the threads; harmless when repeated."""
        self._loader.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _per_process(self) -> int:
        return -(-self._count // self._processes)

    def _squares(self, seed: int, epoch: int, joined: bool) -> Iterator[Batch]:
        order = self._order(seed, epoch)

        def make(position: int) -> FormattedSample:
            index = int(order[position])
            partners = recent_pictures(order, position, self._window)
            return self._pipeline(index, picture_generator(seed, epoch, index), partners=partners, joined=joined)

        for start in range(0, len(order), self._batch):
            yield collate(self._all(make, range(start, min(start + self._batch, len(order)))))

    def _rectangles(self, seed: int, epoch: int, joined: bool) -> Iterator[Batch]:
        for plan in self._plans or ():

            def make(index: int, size: tuple[int, int] = plan.shape) -> FormattedSample:
                return self._pipeline(index, picture_generator(seed, epoch, index), size=size, joined=joined)

            yield collate(self._all(make, plan.pictures))

    def _all(self, make: Callable[[int], FormattedSample], numbers: Iterable[int]) -> list[FormattedSample]:
        """Return what `make` gives for each number, several made at a time."""
        return list(map(make, numbers) if self._pool is None else self._pool.map(make, numbers))

    def _order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the numbers of this process' pictures; the last processes repeat some, so that all have as many."""
        order = np.random.default_rng((seed, epoch)).permutation(self._count)
        return np.resize(order, self._per_process() * self._processes)[self._rank :: self._processes]

    def _check_smallest_batch(self, run: TrainingRun) -> None:
        """A batch norm has nothing to normalise in a single value per channel."""
        stride = run.model.placing.stride
        side = smallest_side(run.settings.imgsz or DEFAULT_IMGSZ, run.settings.multi_scale, stride)
        lengths = [len(plan.pictures) for plan in self._plans or ()] or [self._batch, self._per_process() % self._batch]
        if side < 2 * stride and 1 in lengths:
            raise SettingError(
                f"batch={run.settings.batch:g}, imgsz={run.settings.imgsz}: a batch of one picture of {side} px is too "
                f"little to train with: take a batch that leaves no single picture of {self._count}, or a larger imgsz"
            )
