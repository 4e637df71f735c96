"""A network's layout as plain data: as checkpoints hold it, and as users write it."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, Final

from posekit.errors import ModelDefinitionError
from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.preview.slots import KeypointSlots
from posekit.models.rfdetr.recognise import Layout
from posekit.models.rfdetr.sizes import DETECTORS, POSE_MODELS
from posekit.schema import COCO_PERSON

FAMILY: Final = "rfdetr"


def to_definition(layout: Layout) -> dict[str, Any]:
    """Return a layout as plain data."""
    return {
        "family": FAMILY,
        "architecture": {name: _plain(value) for name, value in asdict(layout.architecture).items()},
        "class_rows": layout.class_rows,
        "keypoints": layout.keypoints,
        "slots": None if layout.slots is None else list(layout.slots.counts),
    }


def from_definition(definition: Mapping[str, Any], where: str) -> Layout:
    """Return the layout that `to_definition` wrote.

    Args:
        definition: plain data.
        where: the file, for messages.

    Raises:
        ModelDefinitionError: a part is missing or of the wrong kind.
    """
    slots = definition.get("slots")
    if slots is not None and not _are_counts(slots):
        raise ModelDefinitionError(f"{where}: slots {slots!r} are no list of keypoints per class")
    return Layout(
        architecture=_architecture(definition.get("architecture"), where),
        class_rows=_count(definition, "class_rows", where),
        keypoints=_count(definition, "keypoints", where),
        slots=None if slots is None else KeypointSlots(tuple(slots)),
    )


def published_layout(name: str) -> Layout | None:
    """Return the layout of a published size, such as ``rfdetr-pose-nano``; None for other names."""
    if name in POSE_MODELS:
        return Layout(architecture=POSE_MODELS[name], class_rows=2, keypoints=COCO_PERSON.count)
    return Layout(architecture=DETECTORS[name], class_rows=2) if name in DETECTORS else None


def layout_of_size(definition: Mapping[str, Any], where: str) -> Layout:
    """Return the layout of a ``size`` with what a definition changes of it, such as ``queries: 50``.

    Args:
        definition: plain data; numbers of `Architecture` by name.
        where: the file, for messages.

    Raises:
        ModelDefinitionError: there is no such size, or a part is unknown or of the wrong kind.
    """
    size = definition["size"]
    layout = published_layout(size) if isinstance(size, str) else None
    if layout is None:
        known = ", ".join((*POSE_MODELS, *DETECTORS))
        raise ModelDefinitionError(f"{where}: size {size!r} is none of {known}")
    changes = {name: value for name, value in definition.items() if name not in ("family", "size")}
    whole = to_definition(layout)["architecture"]
    unknown = changes.keys() - whole.keys()
    if unknown:
        raise ModelDefinitionError(f"{where}: {min(unknown)} is no part of an architecture: {', '.join(whole)}")
    return replace(layout, architecture=_architecture(whole | changes, where))


def _architecture(stored: Any, where: str) -> Architecture:
    names = [field.name for field in fields(Architecture)]
    if not isinstance(stored, Mapping) or set(stored) != set(names):
        raise ModelDefinitionError(f"{where}: the architecture of an RF-DETR network needs {', '.join(names)}")
    taps = stored["taps"]
    if not _are_counts(taps) or not taps:
        raise ModelDefinitionError(f"{where}: taps {taps!r} are no list of numbers of blocks")
    return Architecture(**{name: _count(stored, name, where) for name in names if name != "taps"}, taps=tuple(taps))


def _count(stored: Mapping[str, Any], name: str, where: str) -> int:
    value = stored.get(name)
    if type(value) is not int or value < 0:
        raise ModelDefinitionError(f"{where}: {name}={value!r} must be a whole number, 0 or more")
    return value


def _are_counts(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(type(value) is int and value >= 0 for value in values)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
