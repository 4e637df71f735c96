"""Several charts on one sheet, in columns under a title."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.files.whole_file import write_whole
from posekit.viz.jpeg import jpeg_bytes
from posekit.viz.plots.figure import LIGHT, PIXELS_PER_UNIT, TEXT, add_title, new_figure, png_bytes
from posekit.viz.plots.lettering import drawable

Chart = tuple[str, bytes]

TOP, MARGIN, GAP_ACROSS, HEADING, GAP_DOWN = 84.0, 24.0, 28.0, 30.0, 18.0
LEAST_WIDTH = 420.0  # room for the title


def save_chart_sheet(title: str, note: str, columns: Sequence[Sequence[Chart]], path: str | Path) -> None:
    """Write charts as one JPEG, those of a column below each other, each under its heading.

    Args:
        title, note: at the top of the sheet, one line each.
        columns: charts (heading, bytes of a PNG) by column; an empty column takes no room.
        path: where to; folders are made.

    Raises:
        OutputError: the file cannot be written.
    """
    stacks = [[(heading, _decoded(chart)) for heading, chart in column] for column in columns if column]
    widths = [max(picture.shape[1] for _, picture in stack) / PIXELS_PER_UNIT for stack in stacks]
    heights = [sum(_height(picture) for _, picture in stack) for stack in stacks]
    width = 2 * MARGIN + max(sum(widths) + GAP_ACROSS * max(len(stacks) - 1, 0), LEAST_WIDTH)
    height = TOP + max(heights, default=0.0)
    figure = new_figure(width, height)
    add_title(figure, title, note, left=MARGIN)
    left = MARGIN
    for stack, column_width in zip(stacks, widths, strict=True):
        top = TOP
        for heading, picture in stack:
            place = (left / width, 1 - (top + TEXT) / height)
            figure.text(*place, drawable(heading), fontsize=TEXT, fontweight="bold", color=LIGHT.muted)
            lower = height - top - HEADING - picture.shape[0] / PIXELS_PER_UNIT
            figure.figimage(picture[..., ::-1], round(left * PIXELS_PER_UNIT), round(lower * PIXELS_PER_UNIT))
            top += _height(picture)
        left += column_width + GAP_ACROSS
    write_whole(path, jpeg_bytes(_decoded(png_bytes(figure))))


def _height(picture: NDArray[np.uint8]) -> float:
    """Return what a chart takes of its column, heading and gap included, units."""
    return HEADING + float(picture.shape[0]) / PIXELS_PER_UNIT + GAP_DOWN


def _decoded(chart: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(chart, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)
