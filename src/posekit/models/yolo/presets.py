"""The published networks as data, and the definition that each of their names stands for.

A row is (from, repeats, block, arguments), channels and repeats before scaling: `from` is an index or several of
earlier layers, -1 the one before; the first argument of a block is its output channels. The last row is the head; its
name is filled in for the task. Sources: the YOLOv8, YOLO11 and YOLO26 model cards.
"""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.errors import ModelNotFoundError
from posekit.log import LOGGER

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

# Letter: (depth, width, max_channels).
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
DEFAULT_SCALE: Final = "n"
KPT_SHAPE: Final = (17, 3)
SUFFIX: Final = {"detect": "", "segment": "-seg", "pose": "-pose", "multitask": "-multitask"}

# Arguments of the heads of a task, as definitions write them.
ARGUMENTS: Final[dict[str, tuple[Any, ...]]] = {
    "detect": ("nc",),
    "segment": ("nc", 32, 256),
    "pose": ("nc", "kpt_shape"),
    "multitask": ("nc", 32, 256, "kpt_shape"),
}
PLAIN_HEADS: Final = {"detect": "Detect", "segment": "Segment", "pose": "Pose", "multitask": "MultiTask"}
HEADS_26: Final = {"detect": "Detect", "segment": "Segment26", "pose": "Pose26", "multitask": "MultiTask26"}


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One generation of networks.

    Attributes:
        layers: rows of its layer table.
        scales: letter: (depth, width, max_channels).
        heads: name of the head block of each task.
        pose_classes: number of classes of its stock pose definition.
        extra: further keys of its definition.
    """

    layers: tuple[Row, ...]
    scales: dict[str, tuple[float, float, int]]
    heads: dict[str, str]
    pose_classes: int
    extra: dict[str, Any] = field(default_factory=dict)


GENERATIONS: Final = {
    "yolov8": Generation(layers=YOLOV8, scales=SCALES_V8, heads=PLAIN_HEADS, pose_classes=1),
    "yolov8-p6": Generation(layers=YOLOV8_P6, scales=SCALES_V8, heads={"pose": "Pose"}, pose_classes=1),
    "yolo11": Generation(layers=YOLO11, scales=SCALES_11, heads=PLAIN_HEADS, pose_classes=80),
    "yolo26": Generation(
        layers=YOLO26,
        scales=SCALES_11,
        heads=HEADS_26,
        pose_classes=80,
        extra={"end2end": True, "reg_max": 1},
    ),
}


def stock_names() -> list[str]:
    """Return the names of all stock networks, such as ``yolo11n-pose``."""
    return [
        f"{name.removesuffix('-p6')}{letter}{SUFFIX[task]}{'-p6' if name.endswith('-p6') else ''}"
        for name, generation in GENERATIONS.items()
        for task in generation.heads
        for letter in generation.scales
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
    generation = match and GENERATIONS.get(match[1] + match[4])
    task = match and {suffix: task for task, suffix in SUFFIX.items()}[match[3]]
    if not match or not generation or task not in generation.heads:
        near = get_close_matches(stem, stock_names(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "names look like yolo11n-pose.yaml"
        raise ModelNotFoundError(f"model definition '{name}' is neither a file nor a stock network; {hint}")
    scale = match[2]
    if not scale:
        LOGGER.warning("%s names no scale (n, s, m, l, x): taking '%s'", name, DEFAULT_SCALE)
        scale = DEFAULT_SCALE
    head: Row = (generation.layers[-1][0], 1, generation.heads[task], ARGUMENTS[task])
    return {
        "nc": generation.pose_classes if task == "pose" else 80,
        "scales": {letter: list(values) for letter, values in generation.scales.items()},
        "scale": scale,
        **({"kpt_shape": list(KPT_SHAPE)} if task in TASKS_WITH_KEYPOINTS else {}),
        **generation.extra,
        "layers": [_plain(row) for row in (*generation.layers[:-1], head)],
        "yaml_file": f"{match[1]}{scale}{match[3]}{match[4]}.yaml",
    }


def _plain(row: Row) -> list[Any]:
    sources, repeats, block, arguments = row
    return [list(sources) if isinstance(sources, tuple) else sources, repeats, block, list(arguments)]
