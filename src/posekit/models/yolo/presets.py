"""Names of the published networks, and the definition that each name stands for."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.errors import ModelNotFoundError
from posekit.log import LOGGER
from posekit.models.yolo import presets as layer_tables

Row = tuple[int | tuple[int, ...], int, str, tuple[Any, ...]]


UPSAMPLE: Final[Row] = (-1, 1, "nn.Upsample", ("None", 2, "nearest"))


def _concat(*sources: int) -> Row:
    return (sources, 1, "Concat", (1,))


_V8_STEM: Final[tuple[Row, ...]] = (
    (-1, 1, "Conv", (64, 3, 2)),  # 0, stride 2
    (-1, 1, "Conv", (128, 3, 2)),  # 1, stride 4
    (-1, 3, "C2f", (128, True)),
    (-1, 1, "Conv", (256, 3, 2)),  # 3, stride 8
    (-1, 6, "C2f", (256, True)),
    (-1, 1, "Conv", (512, 3, 2)),  # 5, stride 16
    (-1, 6, "C2f", (512, True)),
)


YOLOV8: Final[tuple[Row, ...]] = (
    *_V8_STEM,
    (-1, 1, "Conv", (1024, 3, 2)),  # 7, stride 32
    (-1, 3, "C2f", (1024, True)),
    (-1, 1, "SPPF", (1024, 5)),
    UPSAMPLE,
    _concat(-1, 6),
    (-1, 3, "C2f", (512,)),  # 12
    UPSAMPLE,
    _concat(-1, 4),
    (-1, 3, "C2f", (256,)),  # 15, stride 8
    (-1, 1, "Conv", (256, 3, 2)),
    _concat(-1, 12),
    (-1, 3, "C2f", (512,)),  # 18, stride 16
    (-1, 1, "Conv", (512, 3, 2)),
    _concat(-1, 9),
    (-1, 3, "C2f", (1024,)),  # 21, stride 32
    ((15, 18, 21), 1, "head", ()),
)


YOLOV8_P6: Final[tuple[Row, ...]] = (
    *_V8_STEM,
    (-1, 1, "Conv", (768, 3, 2)),  # 7, stride 32
    (-1, 3, "C2f", (768, True)),
    (-1, 1, "Conv", (1024, 3, 2)),  # 9, stride 64
    (-1, 3, "C2f", (1024, True)),
    (-1, 1, "SPPF", (1024, 5)),
    UPSAMPLE,
    _concat(-1, 8),
    (-1, 3, "C2", (768, False)),  # 14
    UPSAMPLE,
    _concat(-1, 6),
    (-1, 3, "C2", (512, False)),  # 17
    UPSAMPLE,
    _concat(-1, 4),
    (-1, 3, "C2", (256, False)),  # 20, stride 8
    (-1, 1, "Conv", (256, 3, 2)),
    _concat(-1, 17),
    (-1, 3, "C2", (512, False)),  # 23, stride 16
    (-1, 1, "Conv", (512, 3, 2)),
    _concat(-1, 14),
    (-1, 3, "C2", (768, False)),  # 26, stride 32
    (-1, 1, "Conv", (768, 3, 2)),
    _concat(-1, 11),
    (-1, 3, "C2", (1024, False)),  # 29, stride 64
    ((20, 23, 26, 29), 1, "head", ()),
)


def _yolo11_skeleton(sppf: Row, neck_c3k: bool, last: Row) -> tuple[Row, ...]:
    return (
        (-1, 1, "Conv", (64, 3, 2)),  # 0, stride 2
        (-1, 1, "Conv", (128, 3, 2)),  # 1, stride 4
        (-1, 2, "C3k2", (256, False, 0.25)),
        (-1, 1, "Conv", (256, 3, 2)),  # 3, stride 8
        (-1, 2, "C3k2", (512, False, 0.25)),
        (-1, 1, "Conv", (512, 3, 2)),  # 5, stride 16
        (-1, 2, "C3k2", (512, True)),
        (-1, 1, "Conv", (1024, 3, 2)),  # 7, stride 32
        (-1, 2, "C3k2", (1024, True)),
        sppf,
        (-1, 2, "C2PSA", (1024,)),  # 10
        UPSAMPLE,
        _concat(-1, 6),
        (-1, 2, "C3k2", (512, neck_c3k)),  # 13
        UPSAMPLE,
        _concat(-1, 4),
        (-1, 2, "C3k2", (256, neck_c3k)),  # 16, stride 8
        (-1, 1, "Conv", (256, 3, 2)),
        _concat(-1, 13),
        (-1, 2, "C3k2", (512, neck_c3k)),  # 19, stride 16
        (-1, 1, "Conv", (512, 3, 2)),
        _concat(-1, 10),
        last,  # 22, stride 32
        ((16, 19, 22), 1, "head", ()),
    )


YOLO11: Final = _yolo11_skeleton((-1, 1, "SPPF", (1024, 5)), False, (-1, 2, "C3k2", (1024, True)))


YOLO26: Final = _yolo11_skeleton((-1, 1, "SPPF", (1024, 5, 3, True)), True, (-1, 1, "C3k2", (1024, True, 0.5, True)))


# letter: (depth, width, max_channels)
SCALES_V8: Final = {
    "n": (0.33, 0.25, 1024),
    "s": (0.33, 0.50, 1024),
    "m": (0.67, 0.75, 768),
    "l": (1.00, 1.00, 512),
    "x": (1.00, 1.25, 512),
}


SCALES_11: Final = {
    "n": (0.50, 0.25, 1024),
    "s": (0.50, 0.50, 1024),
    "m": (0.50, 1.00, 512),
    "l": (1.00, 1.00, 512),
    "x": (1.00, 1.50, 512),
}


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
