"""What one validation run needs: settings, labelled pictures, sigmas, a place for output."""

from dataclasses import dataclass, replace
from pathlib import Path

from posekit.config.field import defaults_of
from posekit.config.modes import TASKS
from posekit.config.shared import DetectionSettings
from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.config.user_settings import load_user_settings
from posekit.config.val import ValSettings
from posekit.data.open_split import open_split
from posekit.data.read_description import read_description
from posekit.data.require_split import require_split
from posekit.data.split import Split
from posekit.errors import DatasetError, SettingError
from posekit.log import LOGGER
from posekit.models.contract import ValidationModel
from posekit.schema.sigmas import SigmaChoice, resolve_sigmas


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


def open_validation(settings: ValSettings, model: ValidationModel) -> ValidationRun:
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
    places = require_split(description, settings.split)
    description = replace(description, splits=description.splits | {settings.split: places})
    split = open_split(
        description, settings.split, task=model.task, single_cls=settings.single_cls, fraction=_fraction(settings)
    )
    _check_fit(split, model, data, single_cls=settings.single_cls)
    if settings.verbose:
        LOGGER.info("%s", split.summary)
    settings = model.adapt_val(_with_room(settings, split))
    return ValidationRun(
        settings=settings,
        split=split,
        sigmas=_sigmas(split, model),
        base=Path(load_user_settings().runs_dir) / model.task / (settings.project or ""),
    )


def _fraction(settings: ValSettings) -> float | int:
    """Return the part of this split; of several values the one for validation is the second."""
    if isinstance(settings.fraction, tuple):
        if not settings.fraction:
            raise SettingError("fraction=[]: expected a share, a number of pictures, or one of these per split")
        return settings.fraction[min(1, len(settings.fraction) - 1)]
    return settings.fraction


def _with_room(settings: ValSettings, split: Split) -> ValSettings:
    """Raise the number of detections where pictures hold more objects, unless the user has chosen it."""
    most = max((len(picture) for picture in split.pictures), default=0)
    default = defaults_of(DetectionSettings)["max_det"]
    if settings.max_det != default or most <= default:
        return settings
    LOGGER.warning("a picture has %d labelled objects: max_det is raised from %d to that", most, default)
    return replace(settings, max_det=most)


def _check_fit(split: Split, model: ValidationModel, data: str, *, single_cls: bool) -> None:
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


def _sigmas(split: Split, model: ValidationModel) -> SigmaChoice | None:
    if model.schema is None or split.schema is None:
        return None
    choice = resolve_sigmas(split.schema)
    if choice.guessed:
        LOGGER.warning("%s", choice.explanation)
    return choice
