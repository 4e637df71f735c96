"""Settings under names of older releases, and the several ways to ask for a precision."""

from collections.abc import Mapping
from typing import Any

from posekit.config.kinds import Flag
from posekit.errors import SettingError
from posekit.log import LOGGER

# old name -> (name, whether the meaning is reversed)
RENAMED = {
    "boxes": ("show_boxes", False),
    "hide_labels": ("show_labels", True),
    "hide_conf": ("show_conf", True),
    "line_thickness": ("line_width", False),
    "end2end": ("nms", True),
}

IGNORED = {
    "label_smoothing": "it was removed",
    "save_hybrid": "it was removed",
    "crop_fraction": "there is no classify task",
    "dropout": "there is no classify task",
    "auto_augment": "there is no classify task",
    "erasing": "there is no classify task",
    "angle": "there is no obb task",
    "dlog": "there is no depth task",
    "dgrad": "there is no depth task",
    "dlam": "there is no depth task",
    "keras": "exports never go through Keras",
    "dnn": "ONNX files run in onnxruntime",
}

# ways to ask for a precision -> bits when true
PRECISION_FLAGS = {"half": 16, "int8": 8}
PRECISION_NAMES = (*PRECISION_FLAGS, "quantize", "precision")


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` under today's names: old ones mapped and removed ones dropped, each with a warning.

    Raises:
        SettingError: one setting is given twice, or two precisions are asked for.
        SettingTypeError: a flag that must be turned round is not true or false.
    """
    current: dict[str, Any] = {}
    for key, value in values.items():
        if key in IGNORED:
            LOGGER.warning("'%s' has no effect: %s", key, IGNORED[key])
        elif key in RENAMED:
            name, renamed = _renamed(key, value)
            if name in values:
                raise SettingError(f"'{key}' is the old name of '{name}': give only {name}={values[name]}")
            current[name] = renamed
        elif key not in PRECISION_NAMES:
            current[key] = value
    return current | _precision(values)


def _renamed(key: str, value: Any) -> tuple[str, Any]:
    name, reversed_meaning = RENAMED[key]
    if reversed_meaning and value is not None:
        value = not Flag().read(key, value)
    LOGGER.warning("'%s' is an old name: use %s=%s", key, name, value)
    return name, value


def _precision(values: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: values[key] for key in PRECISION_NAMES if values.get(key) is not None}
    flags = {key: Flag().read(key, given[key]) for key in PRECISION_FLAGS if key in given}
    asked = [PRECISION_FLAGS[key] for key, on in flags.items() if on]
    asked += [given[key] for key in ("quantize", "precision") if key in given]
    if any(bits != asked[0] for bits in asked):
        words = " and ".join(f"{key}={value}" for key, value in given.items())
        raise SettingError(f"{words} ask for different precisions: give only one")
    if asked:
        return {"precision": asked[0]}
    return {"precision": 32} if flags else {}
