"""What one validation run needs: settings, labelled pictures, sigmas, a place for output."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import cast

from posekit.config.commands import TASKS, TASKS_WITH_KEYPOINTS
from posekit.config.kinds import defaults_of
from posekit.config.settings import DetectionSettings, ValSettings
from posekit.config.user import runs_folder
from posekit.data.dataset import read_description, require_split
from posekit.data.find_dataset import builtin_names, yaml_stem
from posekit.data.labels import Split
from posekit.data.loader import PictureLoader, open_store
from posekit.data.open_split import open_split
from posekit.errors import DatasetError, SettingError
from posekit.io.prefetch import Prefetcher
from posekit.log import LOGGER
from posekit.models.contract import Model
from posekit.ops.letterbox import BatchPlan
from posekit.placing import Placing
from posekit.sample import Batch
from posekit.schema.schema import SigmaChoice, resolve_sigmas

PREFETCHED = 2  # batches made ready ahead of the network


@dataclass(frozen=True, kw_only=True)
class ValidationRun:
    """One run of a validator.

    Attributes:
        settings: all settings, as the model can follow them.
        split: the labelled pictures.
        sigmas: OKS sigmas of the keypoints and where they come from; None without keypoints.
        base: folder of runs, such as ``runs/pose``.
    """

    settings: ValSettings
    split: Split
    sigmas: SigmaChoice | None
    base: Path


def open_validation(settings: ValSettings, model: Model) -> ValidationRun:
    """Read the labels of the data set that the settings name, and check that the model fits them.

    Raises:
        DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set cannot
            be used, or the model has other keypoints or fewer classes.
    """
    data = settings.data
    if data is None:
        data = TASKS[model.task].data
        LOGGER.warning("no data given: taking %s; name another with data=FILE", data)
    description = read_description(data, task=model.task)
    description = require_split(description, settings.split)
    split = open_split(
        description, settings.split, task=model.task, single_cls=settings.single_cls, fraction=_fraction(settings)
    )
    _check_fit(split, model, data, single_cls=settings.single_cls)
    if settings.verbose:
        LOGGER.info("%s", split.summary)
    check_settings(settings)
    return ValidationRun(
        settings=model.adapt(_with_room(settings, split)),
        split=split,
        sigmas=_sigmas(split, model),
        base=runs_folder(model.task, settings.project),
    )


def check_settings(settings: ValSettings) -> None:
    """Refuse settings that no validation can follow.

    Raises:
        SettingError: ``batch`` is no number of pictures, or ``precision`` is 8 bits.
    """
    if settings.batch < 1 or settings.batch != int(settings.batch):
        raise SettingError(f"batch={settings.batch:g}: give validation a number of pictures, such as batch=16")
    if settings.precision == 8:
        raise SettingError("precision=8: a network in PyTorch is validated in 32 or 16 bits, not in 8")


def _fraction(settings: ValSettings) -> float | int:
    """Return the part of this split; of several values the one for validation is the second."""
    if isinstance(settings.fraction, tuple):
        if not settings.fraction:
            raise SettingError("fraction=[]: expected a share, a number of pictures, or one of these per split")
        return settings.fraction[min(1, len(settings.fraction) - 1)]
    return settings.fraction


def _with_room(settings: ValSettings, split: Split) -> ValSettings:
    """Raise the number of detections where pictures hold more objects, unless the user has chosen it."""
    most = int(split.pictures.counts.max(initial=0))
    default = defaults_of(DetectionSettings)["max_det"]
    if settings.max_det != default or most <= default:
        return settings
    LOGGER.warning("a picture has %d labelled objects: max_det is raised from %d to that", most, default)
    return replace(settings, max_det=most)


def _check_fit(split: Split, model: Model, data: str, *, single_cls: bool) -> None:
    if not single_cls and len(split.names) > len(model.names):
        raise DatasetError(
            f"{data} has {len(split.names)} classes, but the model knows only {len(model.names)} "
            f"({', '.join(model.names.values())}): take a model trained on this data set, or single_cls=True"
        )
    if model.task not in TASKS_WITH_KEYPOINTS:
        return
    theirs, own = split.schema, model.schema
    if theirs is not None and own is not None and theirs.count != own.count:
        raise DatasetError(
            f"{data} has {theirs.count} keypoints per object (kpt_shape), but the model predicts {own.count}: "
            "take a model trained on this data set"
        )


def _sigmas(split: Split, model: Model) -> SigmaChoice | None:
    if model.schema is None or split.schema is None:
        return None
    choice = resolve_sigmas(split.schema)
    if choice.guessed:
        LOGGER.warning("%s", choice.explanation)
    return choice


@dataclass(frozen=True)
class LabelledBatch:
    """A batch that the network can take.

    Attributes:
        batch: the pictures.
        positions: their numbers in the data set.
        milliseconds: what making it took.
    """

    batch: Batch
    positions: tuple[int, ...]
    milliseconds: float


@contextmanager
def labelled_batches(
    split: Split, plans: Sequence[BatchPlan], placing: Placing, settings: ValSettings
) -> Iterator[Iterator[LabelledBatch]]:
    """Give the batches of `plans`, read and placed in background threads; leaving the context ends these."""
    side = cast(int, settings.imgsz)  # as `Model.adapt` leaves it
    sizes = [placing.load_size(size, side) for size in split.pictures.picture_sizes]
    store = open_store(settings.cache, sizes)
    loader = PictureLoader(split.pictures, sizes, store, workers=settings.workers)
    try:
        with Prefetcher(_made(loader, plans, placing), PREFETCHED) as batches:
            yield batches
    finally:
        loader.close()


def _made(loader: PictureLoader, plans: Sequence[BatchPlan], placing: Placing) -> Iterator[LabelledBatch]:
    for plan in plans:
        start = perf_counter()
        batch = placing.place(loader.load(plan.pictures), plan.shape)
        yield LabelledBatch(batch, plan.pictures, (perf_counter() - start) * 1e3)


def find_remembered(data: object) -> str | None:
    """Return a data set to validate on: the remembered file, else the built-in one of its name, else None.

    Args:
        data: what a checkpoint says, which may be a path of another machine.
    """
    if not isinstance(data, str) or not data:
        return None
    found = _located(data)
    if found is None:
        LOGGER.warning("the model was trained on %s, which is not here", data)
    else:
        LOGGER.warning("no data given: taking %s, which the model was trained on; name another with data=FILE", found)
    return found


def _located(data: str) -> str | None:
    if Path(data).exists():
        return data
    name = data.replace("\\", "/").rpartition("/")[2]
    return name if yaml_stem(name) in builtin_names() else None
