"""What one training needs: settings, labelled pictures, a network for them, a place for output."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from posekit.augment.albumentations import open_transforms, warn_of_unsaved
from posekit.config.commands import TASKS
from posekit.config.settings import DEFAULT_IMGSZ, TrainSettings
from posekit.config.user import runs_folder
from posekit.data.dataset import read_description, require_split
from posekit.data.description import DatasetDescription, dataset_dict
from posekit.data.labels import Split
from posekit.data.open_split import open_split
from posekit.engine.seeds import seed_all
from posekit.errors import DatasetError, NotInThisReleaseError, SettingError
from posekit.log import LOGGER
from posekit.models.contract import Trainable
from posekit.schema.schema import KeypointSchema, SigmaChoice, resolve_sigmas

NOT_YET: Final = ("compile", "distill_model")
# Makes the network of a training for class names and keypoints of a data set.
Build = Callable[[Mapping[int, str], KeypointSchema | None], Trainable]


def with_classes(split: Split, classes: Sequence[int] | None) -> Split:
    """Return a split without the objects of other classes; all pictures stay. None keeps everything."""
    if classes is None:
        return split
    labels = split.pictures
    return replace(split, pictures=labels.keep(np.isin(labels.classes, classes)))


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRun:
    """One training.

    Attributes:
        settings: all settings; `imgsz` is a multiple of the stride, `augmentations` are transforms.
        model: the network, for the data set's classes and keypoints.
        data: the data set as users see it (``trainer.data``).
        train: pictures to train on.
        val: pictures to validate on.
        sigmas: OKS sigmas of the keypoints and where they come from; None without keypoints.
        base: folder of runs, such as ``runs/pose``.
    """

    settings: TrainSettings
    model: Trainable
    data: dict[str, Any]
    train: Split
    val: Split
    sigmas: SigmaChoice | None
    base: Path


def open_training(settings: TrainSettings, task: str, build: Build) -> TrainingRun:
    """Read the data set that the settings name, and build the network for it.

    Raises:
        NotInThisReleaseError: a setting asks for something that this release lacks.
        MissingExtraError, SettingError, SettingTypeError: `augmentations` cannot be used.
        DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set cannot be
            used.
    """
    for name in NOT_YET:
        if getattr(settings, name):
            raise NotInThisReleaseError(f"{name}={getattr(settings, name)}: this release does not train with it yet")
    transforms = open_transforms(settings.augmentations)
    warn_of_unsaved(transforms)
    description, train, val = open_splits(settings, task)
    schema = train.schema
    seed_all(settings.seed)  # fresh weights are random
    model = build(train.names, schema)
    imgsz = model.placing.input_size(settings.imgsz or DEFAULT_IMGSZ)[0]
    sigmas = None if model.schema is None else resolve_sigmas(model.schema)
    if sigmas is not None and sigmas.guessed:
        LOGGER.warning("%s", sigmas.explanation)
    return TrainingRun(
        settings=replace(settings, imgsz=imgsz, data=settings.data or TASKS[task].data, augmentations=transforms),
        model=model,
        data=dataset_dict(description),
        train=train,
        val=val,
        sigmas=sigmas,
        base=runs_folder(task, settings.project),
    )


def open_splits(settings: TrainSettings, task: str) -> tuple[DatasetDescription, Split, Split]:
    """Read the training and validation pictures of a data set."""
    data = settings.data
    if data is None:
        data = TASKS[task].data
        LOGGER.warning("no data given: taking %s; name another with data=FILE", data)
    description = read_description(data, task=task)
    opened = []
    for name in ("train", "val"):
        description = require_split(description, name)
        share = share_of(name, settings.fraction)
        split = open_split(description, name, task=task, single_cls=settings.single_cls, fraction=share)
        split = with_classes(split, None if settings.single_cls else settings.classes)
        if settings.verbose:
            LOGGER.info("%s", split.summary)
        opened.append(split)
    train, val = opened
    if not len(train.pictures.classes):
        chosen = "" if settings.classes is None else f" of classes={list(settings.classes)}"
        raise DatasetError(
            f"{description.source}: its training pictures have no objects{chosen}: nothing to learn from"
        )
    return description, train, val


def share_of(split: str, fraction: float | tuple[float, ...]) -> float:
    """Return the part of "train" or "val" that a training takes: one value is for the training pictures alone.

    Up to 1.0 it is a share, above 1 a number of pictures.
    """
    if not isinstance(fraction, tuple):
        return fraction if split == "train" else 1.0
    if not fraction:
        raise SettingError("fraction=[]: expected a share, a number of pictures, or one of these per split")
    return fraction[0] if split == "train" else fraction[min(1, len(fraction) - 1)]


def warn_of_no_warmup(settings: TrainSettings) -> None:
    """Warn of what one epoch does to weights that were trained before: there is no time for a warm-up."""
    if settings.epochs > 1 or settings.time is not None or settings.optimizer != "auto":
        return
    LOGGER.warning(
        "epochs=1 leaves no time for a warm-up, and the automatic optimiser then spoils weights that were trained "
        "before: take more epochs, such as epochs=10"
    )
