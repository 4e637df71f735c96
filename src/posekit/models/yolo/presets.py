"""Names of the published networks, and the definition that each name stands for."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.errors import ModelNotFoundError
from posekit.log import LOGGER
from posekit.models.yolo import layer_tables
from posekit.models.yolo.layer_tables import Row

DEFAULT_SCALE = "n"
KPT_SHAPE: Final = (17, 3)
SUFFIX: Final = {"detect": "", "segment": "-seg", "pose": "-pose", "multitask": "-multitask"}


@dataclass(frozen=True, kw_only=True)
class Family:
    """One generation of networks.

    Attributes:
        layers: rows of its layer table.
        scales: letter -> (depth, width, max_channels).
        heads: task -> name of the head block.
        pose_classes: number of classes of its stock pose definition.
        extra: further keys of its definition.
    """

    layers: tuple[Row, ...]
    scales: dict[str, tuple[float, float, int]]
    heads: dict[str, str]
    pose_classes: int
    extra: dict[str, Any]


# Arguments of the heads of a task, as definitions write them.
ARGUMENTS: Final[dict[str, tuple[Any, ...]]] = {
    "detect": ("nc",),
    "segment": ("nc", 32, 256),
    "pose": ("nc", "kpt_shape"),
    "multitask": ("nc", 32, 256, "kpt_shape"),
}
_PLAIN_HEADS: Final = {"detect": "Detect", "segment": "Segment", "pose": "Pose", "multitask": "MultiTask"}
_HEADS_26: Final = {"detect": "Detect", "segment": "Segment26", "pose": "Pose26", "multitask": "MultiTask26"}

FAMILIES: Final = {
    "yolov8": Family(
        layers=layer_tables.YOLOV8, scales=layer_tables.SCALES_V8, heads=_PLAIN_HEADS, pose_classes=1, extra={}
    ),
    "yolov8-p6": Family(
        layers=layer_tables.YOLOV8_P6,
        scales=layer_tables.SCALES_V8,
        heads={"pose": "Pose"},
        pose_classes=1,
        extra={},
    ),
    "yolo11": Family(
        layers=layer_tables.YOLO11, scales=layer_tables.SCALES_11, heads=_PLAIN_HEADS, pose_classes=80, extra={}
    ),
    "yolo26": Family(
        layers=layer_tables.YOLO26,
        scales=layer_tables.SCALES_11,
        heads=_HEADS_26,
        pose_classes=80,
        extra={"end2end": True, "reg_max": 1},
    ),
}


def stock_names() -> list[str]:
    """Return the names of all stock networks, such as ``yolo11n-pose``."""
    tails = {"yolov8-p6": "-p6"}
    return [
        f"{family.removesuffix('-p6')}{letter}{SUFFIX[task]}{tails.get(family, '')}"
        for family, rules in FAMILIES.items()
        for task in rules.heads
        for letter in rules.scales
    ]


def stock_definition(name: str) -> dict[str, Any]:
    """Return the definition (plain data) that a stock name stands for.

    Args:
        name: ``yolov8n-pose``, ``yolo11m-seg.yaml``, ``yolov8x-pose-p6``; without a scale letter
            the smallest scale is taken, with a warning.

    Raises:
        ModelNotFoundError: no stock network has this name.
    """
    stem = name.removesuffix(".yaml").removesuffix(".yml")
    match = re.fullmatch(r"(yolov8|yolo11|yolo26)([nsmlx]?)(-seg|-pose|-multitask|)(-p6|)", stem)
    family = match and FAMILIES.get(match[1] + match[4])
    task = match and {suffix: task for task, suffix in SUFFIX.items()}[match[3]]
    if not match or not family or task not in family.heads:
        raise ModelNotFoundError(f"model definition '{name}' is neither a file nor a stock network; {_hint(stem)}")
    scale = match[2]
    if not scale:
        LOGGER.warning("%s names no scale (n, s, m, l, x): taking '%s'", name, DEFAULT_SCALE)
        scale = DEFAULT_SCALE
    return _definition(family, task, scale, f"{match[1]}{scale}{match[3]}{match[4]}.yaml")


def _hint(stem: str) -> str:
    near = get_close_matches(stem, stock_names(), n=3)
    return f"did you mean {', '.join(near)}?" if near else "names look like yolo11n-pose.yaml"


def _definition(family: Family, task: str, scale: str, yaml_file: str) -> dict[str, Any]:
    nc = family.pose_classes if task == "pose" else 80
    head_sources = family.layers[-1][0]
    return {
        "nc": nc,
        "scales": {letter: list(values) for letter, values in family.scales.items()},
        "scale": scale,
        **({"kpt_shape": list(KPT_SHAPE)} if task in TASKS_WITH_KEYPOINTS else {}),
        **family.extra,
        "layers": [
            *(_plain(row) for row in family.layers[:-1]),
            [
                list(head_sources) if isinstance(head_sources, tuple) else head_sources,
                1,
                family.heads[task],
                list(ARGUMENTS[task]),
            ],
        ],
        "yaml_file": yaml_file,
    }


def _plain(row: Row) -> list[Any]:
    sources, repeats, block, arguments = row
    return [list(sources) if isinstance(sources, tuple) else sources, repeats, block, list(arguments)]
