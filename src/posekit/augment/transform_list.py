"""The setting ``augmentations``: albumentations transforms from Python, from files, and back into plain values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from posekit.augment.albumentations_package import require_albumentations
from posekit.errors import SettingError, SettingTypeError
from posekit.log import LOGGER, one_line

# Stands for a transform that cannot be written down, with its name.
UNSAVED: Final = "unsaved"


def open_transforms(value: object) -> tuple[Any, ...] | None:
    """Return the transforms that the setting means; None without.

    Args:
        value: transforms, their plain forms (see `stored_transforms`), or a file made by ``albumentations.save``.

    Raises:
        MissingExtraError: the package is not installed.
        SettingTypeError: something is no transform of the package.
        SettingError: a file or a plain form cannot be read, or stands for a transform that could not be written; or
            a transform changes pictures, but not the keypoints on them.
    """
    if value is None:
        return None
    library = require_albumentations()
    entries = [_read(Path(value))] if isinstance(value, str) else value
    assert isinstance(entries, Sequence)
    transforms = tuple(_unwrapped(_opened(entry, library), library) for entry in entries)
    _check_targets(transforms, library)
    return transforms


def stored_transforms(transforms: object) -> Any:
    """Return transforms as plain values, which `open_transforms` takes; None and names of files as they are."""
    if not isinstance(transforms, tuple):
        return transforms
    return [_plain(transform) or {UNSAVED: type(transform).__name__} for transform in transforms]


def warn_of_unsaved(transforms: Iterable[Any] | None) -> None:
    """Warn of transforms that no file can hold, such as functions of the user's own."""
    names = [type(transform).__name__ for transform in transforms or () if _plain(transform) is None]
    if names:
        LOGGER.warning(
            "augmentations: %s cannot be written into checkpoints: whoever resumes this run has to give "
            "augmentations=[...] again",
            ", ".join(names),
        )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        # YAML takes JSON, too, but numbers such as 1e-5 for text.
        content = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except OSError as error:
        raise SettingError(f"augmentations={path} cannot be read ({error.strerror})") from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise SettingError(f"augmentations={path} is no readable YAML or JSON: {one_line(str(error))}") from error
    if not isinstance(content, Mapping):
        raise SettingError(f"augmentations={path} holds no transform: write it with albumentations.save")
    return content


def _opened(entry: Any, library: Any) -> Any:
    """Return a transform as an object."""
    if not isinstance(entry, Mapping):
        if isinstance(entry, library.BasicTransform | library.BaseCompose):
            return entry
        raise SettingTypeError(
            f"augmentations: {entry!r} is no transform of albumentations: give a list such as "
            "[albumentations.Blur(p=0.1)]"
        )
    if UNSAVED in entry:
        raise SettingError(
            f"augmentations: {entry[UNSAVED]} cannot be carried in files or to other processes: give "
            "augmentations=[...] again when a run is resumed, and start several processes with torchrun"
        )
    try:
        return library.from_dict(entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingError(
            f"augmentations: albumentations {library.__version__} cannot make a transform of a file "
            f"({type(error).__name__}: {one_line(str(error))}): was it written by albumentations.save, and are "
            "classes of your own imported?"
        ) from error


def _unwrapped(transform: Any, library: Any) -> Any:
    """Return a whole pipeline as a part of one: what it says of boxes and keypoints is posekit's to decide."""
    if not isinstance(transform, library.Compose):
        return transform
    return library.Sequential(list(transform.transforms), p=transform.p)


def _check_targets(transforms: Iterable[Any], library: Any) -> None:
    """Refuse what is more than a change of colours, and leaves keypoints where they are."""
    for part in parts_of(transforms):
        if not isinstance(part, library.ImageOnlyTransform) and "keypoints" not in part.targets:
            raise SettingError(
                f"augmentations: {type(part).__name__} changes pictures, but not the keypoints on them: leave it out"
            )


def _plain(transform: Any) -> Any:
    """Return a transform as plain values; None when it has none, or could not be made from them again."""
    library = require_albumentations()
    if any(isinstance(part, library.Lambda) for part in parts_of([transform])):
        return None
    try:
        return json.loads(json.dumps(library.to_dict(transform)))
    except (TypeError, ValueError, NotImplementedError, AttributeError):
        return None


def parts_of(transforms: Iterable[Any]) -> Iterable[Any]:
    """Yield the transforms without the compositions that hold them."""
    for transform in transforms:
        nested = getattr(transform, "transforms", None)
        if nested is None:
            yield transform
        else:
            yield from parts_of(nested)
