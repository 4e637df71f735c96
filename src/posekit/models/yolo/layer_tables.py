"""The published networks as data: one row per layer, channels and repeats before scaling.

A row is (from, repeats, block, arguments): `from` is an index or a list of indices of earlier
layers, -1 the one before; the first argument of a block is its output channels. The last row is
the head; its name is filled in for the task. Sources: the YOLOv8, YOLO11 and YOLO26 model cards.
"""

from typing import Any, Final

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
