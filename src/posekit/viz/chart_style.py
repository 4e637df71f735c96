"""The look that all charts share: paper, ink, letters, rows of bars, and how charts become PNG files.

Lengths are given in units of 1/72 inch; a unit is `PIXELS_PER_UNIT` pixels of the file. Charts are made with
Matplotlib's objects in a `styled` block, so that neither a window nor the caller's settings are used or changed.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from posekit.files.pictures import encode_picture
from posekit.files.writing import write_whole
from posekit.log import one_line
from posekit.viz.colors import WHITE, Color, color_of, contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rgb = tuple[float, float, float]
Chart = tuple[str, bytes]  # its heading, and a PNG

PIXELS_PER_UNIT = 1.5
TITLE, TEXT, SMALL = 16.0, 12.0, 10.5  # sizes of letters
HEAD = 76.0  # what title and note take at the top of a chart
MARGIN, PAD = 24.0, 10.0  # around a chart, and around each axes
LINE_CONTRAST = 2.4

# Matplotlib ships the first; the others hold the alphabets that it lacks, where they are installed.
FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Microsoft YaHei", "PingFang SC",
    "Hiragino Sans", "Malgun Gothic", "WenQuanYi Micro Hei", "Arial Unicode MS", "Noto Sans",
)  # fmt: skip
ELLIPSIS = "\u2026"

_STYLING = RLock()  # Matplotlib's settings and Python's warnings belong to all threads

MOST_HIGH_ROWS = 40  # more rows are low ones

HEADING, GAP_ACROSS, GAP_DOWN = 30.0, 28.0, 18.0  # of a sheet of charts
LEAST_WIDTH = 420.0  # room for the title


@dataclass(frozen=True)
class Look:
    """Colours of a chart, as ``#rrggbb``.

    Attributes:
        paper: the background.
        ink: titles and the most important line.
        muted: axes and notes.
        grid: lines of the grid.
        quiet: marks that only form a background for others.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    quiet: str


LIGHT = Look(paper="#ffffff", ink="#1b1f27", muted="#5b6472", grid="#e6e9ee", quiet="#c3c9d2")
DARK = Look(paper="#171b22", ink="#eef1f5", muted="#a3adbb", grid="#2a303a", quiet="#4a5361")


@contextmanager
def styled(look: Look = LIGHT) -> Iterator[None]:
    """Make charts in one look whatever the caller's Matplotlib settings are; at the end these are back."""
    from matplotlib import rc_context, rcParamsDefault

    usual = {key: value for key, value in rcParamsDefault.items() if key != "backend"}
    with _STYLING, rc_context(usual | _settings(look)), warnings.catch_warnings():
        # Letters that no font here has are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def _settings(look: Look) -> dict[Any, Any]:
    """Return Matplotlib's settings for a look; all text is literal, as names may hold dollar signs."""
    ticks: dict[str, Any] = {"major.size": 0, "major.pad": 6, "labelsize": SMALL, "labelcolor": look.muted}
    axes = {
        "facecolor": look.paper, "edgecolor": look.quiet, "linewidth": 1, "axisbelow": True, "grid": True,
        "spines.top": False, "spines.right": False, "labelsize": TEXT, "labelcolor": look.muted, "labelpad": 8,
        "titlelocation": "left", "titlesize": TEXT, "titlecolor": look.ink, "titlepad": 10,
    }  # fmt: skip
    legend = {
        "frameon": False, "fontsize": SMALL, "labelcolor": look.ink, "borderaxespad": 0.3, "borderpad": 0.2,
        "handlelength": 1.5, "handletextpad": 0.5, "labelspacing": 0.45, "columnspacing": 1.2,
    }  # fmt: skip
    settings = {
        "figure.dpi": 72 * PIXELS_PER_UNIT, "figure.facecolor": look.paper, "font.family": list(installed_fonts()),
        "font.size": TEXT, "text.color": look.ink, "text.parse_math": False, "grid.color": look.grid,
        "grid.linewidth": 1,
    }  # fmt: skip
    groups = {"axes": axes, "legend": legend, "xtick": ticks, "ytick": ticks}
    return settings | {f"{name}.{key}": value for name, group in groups.items() for key, value in group.items()}


@lru_cache(maxsize=1)
def installed_fonts() -> tuple[str, ...]:
    """Return those of `FONTS` that this machine has, the preferred first."""
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return tuple(name for name in FONTS if name in known)


def new_chart(width: float, height: float, title: str = "", note: str = "") -> "Figure":
    """Return an empty figure of a size in units, whose axes will fill what its title and note leave.

    Title and note are one line each and stand at the upper left; without a title the axes take all.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72))
    side, head = (MARGIN - PAD, HEAD) if title else (0.0, 0.0)
    rect = (side / width, side / height, 1 - 2 * side / width, 1 - (head + side) / height)
    figure.set_layout_engine("constrained", w_pad=PAD / 72, h_pad=PAD / 72, wspace=0.02, hspace=0.02, rect=rect)
    figure.text(MARGIN / width, 1 - 34 / height, drawable(title), fontsize=TITLE, fontweight="bold")
    muted = _current("axes.labelcolor")
    figure.text(MARGIN / width, 1 - 55 / height, drawable(note, 160), fontsize=TEXT, color=muted)
    return figure


def _current(setting: str) -> Any:
    from matplotlib import rcParams

    return rcParams[setting]  # type: ignore[index, unused-ignore]


def say_nothing_to_show(axes: "Axes", reason: str) -> None:
    """Write into empty axes why they are empty."""
    muted = _current("axes.labelcolor")
    axes.text(0.5, 0.5, reason, ha="center", va="center", transform=axes.transAxes, fontsize=TEXT, color=muted)


def rows_height(count: int) -> float:
    """Return the height in units of so many rows of bars."""
    return max(count, 6) * (24.0 if count <= MOST_HIGH_ROWS else 15.0)


def prepare_rows(axes: "Axes", names: Sequence[str], count: int) -> None:
    """Prepare axes for one bar per row, the first of `count` on top; `names` are written beside them, or none."""
    axes.grid(visible=False, axis="y")
    axes.set_ylim(max(count, 6) - 0.4, -0.6)
    size = TEXT if count <= MOST_HIGH_ROWS else SMALL
    axes.set_yticks(range(len(names)), names, fontsize=size, color=_current("text.color"))
    axes.spines["bottom"].set_visible(False)


def draw_bars(axes: "Axes", values: ArrayLike, texts: Sequence[str], color: Color) -> None:
    """Draw one bar per row with its text at the end; a value that is not finite has no bar."""
    lengths = np.nan_to_num(np.asarray(values, float), posinf=0, neginf=0)
    axes.barh(range(len(lengths)), lengths, height=0.62, color=rgb(color))
    plate = {"facecolor": _current("axes.facecolor"), "edgecolor": "none", "pad": 1}
    for row, (length, text) in enumerate(zip(lengths.tolist(), texts, strict=True)):
        place: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "center_baseline"}
        axes.annotate(text, (length, row), fontsize=SMALL, bbox=plate, **place)


def drawable(text: str, longest: int = 80) -> str:
    """Return anything as one line of at most `longest` letters, the middle of a longer one left out."""
    return shortened(printable_line(text), longest)


def printable_line(text: str) -> str:
    """Return `text` in one line, without control characters."""
    return one_line("".join(letter if letter.isprintable() else " " for letter in text))


def shortened(text: str, longest: int) -> str:
    """Return `text` with its middle replaced by an ellipsis when it is too long: both ends tell names apart."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return text[: longest - 1 - tail] + ELLIPSIS + text[len(text) - tail :]


def line_color(number: int) -> Rgb:
    """Return the colour of a class for thin lines on white paper: the palette's, darkened until it stands out."""
    color = color_of(number)
    while contrast(color, WHITE) < LINE_CONTRAST:
        blue, green, red = color
        color = (int(blue * 0.96), int(green * 0.96), int(red * 0.96))
    return rgb(color)


def rgb(color: Color) -> Rgb:
    """Return a BGR colour, 0 to 255, as red, green, blue from 0 to 1, which Matplotlib takes."""
    blue, green, red = color
    return red / 255, green / 255, blue / 255


def png_bytes(figure: "Figure", *, grown: bool = False) -> bytes:
    """Draw a figure, in the same `styled` block that it was made in, as a PNG of its size.

    Args:
        figure: the chart.
        grown: let the picture grow or shrink to what is drawn, with a margin around it.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight" if grown else None, pad_inches=MARGIN / 72)
    return buffer.getvalue()


def save_chart_sheet(title: str, note: str, columns: Sequence[Sequence[Chart]], path: str | Path) -> None:
    """Write charts as one JPEG, those of a column below each other, each under its heading.

    Args:
        title, note: at the top of the sheet, one line each.
        columns: charts by column; an empty column takes no room.
        path: where to; folders are made.

    Raises:
        OutputError: the file cannot be written.
    """
    stacks = [[(heading, _decoded(chart)) for heading, chart in column] for column in columns if column]
    widths = [max(picture.shape[1] for _, picture in stack) / PIXELS_PER_UNIT for stack in stacks]
    heights = [sum(_height(picture) for _, picture in stack) for stack in stacks]
    width = 2 * MARGIN + max(sum(widths) + GAP_ACROSS * max(len(stacks) - 1, 0), LEAST_WIDTH)
    height = HEAD + 8 + max(heights, default=0.0)
    with styled():
        sheet = new_chart(width, height, title, note)
        left = MARGIN
        for stack, column_width in zip(stacks, widths, strict=True):
            top = HEAD + 8
            for heading, picture in stack:
                place = (left / width, 1 - (top + TEXT) / height)
                sheet.text(*place, drawable(heading), fontweight="bold", color=LIGHT.muted)
                lower = height - top - HEADING - picture.shape[0] / PIXELS_PER_UNIT
                sheet.figimage(picture[..., ::-1], round(left * PIXELS_PER_UNIT), round(lower * PIXELS_PER_UNIT))
                top += _height(picture)
            left += column_width + GAP_ACROSS
        drawn = _decoded(png_bytes(sheet))
    write_whole(path, encode_picture(drawn))


def _height(picture: NDArray[np.uint8]) -> float:
    """Return what a chart takes of its column, heading and gap included, units."""
    return HEADING + float(picture.shape[0]) / PIXELS_PER_UNIT + GAP_DOWN


def _decoded(chart: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(chart, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)
