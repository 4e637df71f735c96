"""A network's layout as plain data, as checkpoints hold it."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final

from posekit.errors import ModelDefinitionError
from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.preview.slots import KeypointSlots
from posekit.models.rfdetr.recognise import Layout

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
