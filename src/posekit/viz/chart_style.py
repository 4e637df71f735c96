"""The look that all figures share: paper, ink, margins, and how they become PNG files.

Lengths are given in units of 1/72 inch; a unit is `PIXELS_PER_UNIT` pixels of the file. Figures are made with
Matplotlib's objects and the Agg canvas, so that neither a window nor the caller's pyplot is touched.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.files.pictures import encode_picture
from posekit.files.writing import write_whole
from posekit.viz.colors import WHITE, Color, color_of, contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Matplotlib ships the first; the others hold the alphabets that it lacks, where they are installed.
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans",
    "Malgun Gothic",
    "WenQuanYi Micro Hei",
    "Arial Unicode MS",
    "Noto Sans",
)


MISSING = "\u25a1"  # a box, where no font has the letter


ELLIPSIS = "\u2026"


def drawable(text: str, longest: int = 80) -> str:
    """Return one line that can be drawn: letters without a glyph become a box, a long middle an ellipsis.

    Args:
        text: anything, also with control characters and lone surrogates.
        longest: letters that are kept.
    """
    glyphs = _glyphs()
    letters = (letter if ord(letter) in glyphs else MISSING for letter in one_line(text))
    return shortened("".join(letters), longest)


def one_line(text: str) -> str:
    """Return `text` without control characters, each run of blanks as one."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shortened(text: str, longest: int) -> str:
    """Return `text` with its middle replaced by an ellipsis when it is too long: both ends tell names apart."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return text[: longest - 1 - tail] + ELLIPSIS + text[len(text) - tail :]


@lru_cache(maxsize=1)
def installed_families() -> tuple[str, ...]:
    """Return those of the families that this machine has, the preferred first."""
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return tuple(family for family in FAMILIES if family in known)


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """Return the code points that the installed families can draw, in plain and in bold."""
    from matplotlib.font_manager import FontProperties, fontManager
    from matplotlib.ft2font import FT2Font

    held: set[int] = set()
    for family in installed_families():
        regular, bold = (
            set(FT2Font(str(Path(fontManager.findfont(FontProperties(family=family, weight=weight))))).get_charmap())
            for weight in ("normal", "bold")
        )
        held |= regular & bold
    return frozenset(held)


Rgb = tuple[float, float, float]


PIXELS_PER_UNIT = 1.5


TITLE, TEXT, SMALL = 16.0, 12.0, 10.5


LINE_CONTRAST = 2.4


@dataclass(frozen=True)
class Look:
    """Colours of a figure, as ``#rrggbb``.

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


def new_figure(width: float, height: float, look: Look = LIGHT) -> "Figure":
    """Return an empty figure.

    Args:
        width, height: units.
        look: its paper fills the figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * PIXELS_PER_UNIT, facecolor=look.paper)
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: "Figure", place: tuple[float, float, float, float], look: Look = LIGHT) -> "Axes":
    """Add axes with a light grid and two thin spines.

    Args:
        figure: where to.
        place: left, top, width, height in units, from the upper left corner of the figure.
        look: colours.
    """
    left, top, width, height = place
    full_width, full_height = (72 * float(side) for side in figure.get_size_inches())
    axes = figure.add_axes(
        (left / full_width, 1 - (top + height) / full_height, width / full_width, height / full_height)
    )
    axes.set_facecolor(look.paper)
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=look.grid, linewidth=1, linestyle="-")
    axes.tick_params(which="both", length=0, labelsize=SMALL, labelcolor=look.muted, pad=6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(plain_number)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(look.quiet)
        spine.set_linewidth(1)
    return axes


def plain_number(value: float, _: float = 0.0) -> str:
    """Return a number for an axis: Matplotlib's own formatters write TeX where a user's settings say so."""
    return f"{value:,.10g}"


def add_title(figure: "Figure", title: str, note: str = "", *, left: float = 24, look: Look = LIGHT) -> None:
    """Write a title, and under it a note, at the upper left; the note's last line ends 62 units from the top.

    Args:
        figure: where to.
        title: one line.
        note: one line; empty for none.
        left: distance from the left edge, units.
        look: colours.
    """
    width, height = (72 * float(side) for side in figure.get_size_inches())
    _write(figure, drawable(title), (left / width, 1 - 34 / height), fontsize=TITLE, fontweight="bold", color=look.ink)
    if note:
        _write(figure, drawable(note, 160), (left / width, 1 - 55 / height), fontsize=TEXT, color=look.muted)


def _write(figure: "Figure", text: str, at: tuple[float, float], **style: float | str) -> None:
    figure.text(*at, text, ha="left", va="baseline", fontdict=dict(style))


def name_axes(axes: "Axes", x: str, y: str, look: Look = LIGHT) -> None:
    """Write the names of both axes; an empty name writes none."""
    axes.set_xlabel(drawable(x), fontsize=TEXT, color=look.muted, labelpad=8)
    axes.set_ylabel(drawable(y), fontsize=TEXT, color=look.muted, labelpad=8)


def say_nothing_to_show(axes: "Axes", reason: str, look: Look = LIGHT) -> None:
    """Write into empty axes why they are empty."""
    axes.text(
        0.5, 0.5, drawable(reason), transform=axes.transAxes, ha="center", va="center", fontsize=TEXT, color=look.muted
    )


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


def png_bytes(figure: "Figure") -> bytes:
    """Draw the figure and return it as a PNG of exactly its size."""
    _set_letters(figure)
    buffer = io.BytesIO()
    # Spelled out is what a user's settings could change.
    figure.savefig(
        buffer,
        format="png",
        dpi=figure.dpi,
        facecolor=figure.get_facecolor(),
        bbox_inches=figure.bbox_inches,
        transparent=False,
    )
    return buffer.getvalue()


def save_figure(figure: "Figure", path: str | Path) -> None:
    """Write the figure as a PNG in one step; folders are made.

    Raises:
        OutputError: the file cannot be written.
    """
    write_whole(path, png_bytes(figure))


def _set_letters(figure: "Figure") -> None:
    """Make every text literal and in our fonts: a user's name may hold dollar signs, a user's settings TeX."""
    from matplotlib.text import Text

    for axes in figure.axes:
        axes.get_xticklabels()  # ticks get their texts now
        axes.get_yticklabels()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_fontfamily(list(installed_families()))


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
    write_whole(path, encode_picture(_decoded(png_bytes(figure))))


def _height(picture: NDArray[np.uint8]) -> float:
    """Return what a chart takes of its column, heading and gap included, units."""
    return HEADING + float(picture.shape[0]) / PIXELS_PER_UNIT + GAP_DOWN


def _decoded(chart: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(chart, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)
