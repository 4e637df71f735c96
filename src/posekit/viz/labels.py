"""Labels at boxes: text on a filled plate, placed so that labels cover each other as little as can be."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from posekit.errors import SettingError
from posekit.ops.boxes import shared_areas
from posekit.sample import Picture
from posekit.viz.colors import Color, readable_text_color

DEFAULT_FONT = "Arial.ttf"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Place = tuple[int, int, int, int]  # x, y, width, height in pixels


@lru_cache(maxsize=16)
def _load_font(name: str, size: int) -> Font:
    """Load a TrueType file or an installed font at a height in pixels.

    The default name is no demand: it stands for DejaVu Sans Bold, so that pictures look the same on every machine.

    Raises:
        SettingError: another font than the default was named and is not found.
    """
    if name == DEFAULT_FONT:
        return _built_in_font(size)
    try:
        return ImageFont.truetype(name, size)
    except OSError as error:
        raise SettingError(f"font {name!r} is not found: give the path of a .ttf or .otf file") from error


def _built_in_font(size: int) -> Font:
    """Return DejaVu Sans Bold from Matplotlib's files, or Pillow's own font where Matplotlib is missing."""
    spec = find_spec("matplotlib")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def draw_labels(
    picture: Picture,
    boxes: NDArray[np.float32],
    labels: list[str],
    colors: list[Color],
    *,
    font: str,
    font_sizes: list[int],
    txt_color: Color,
    line_width: int,
) -> None:
    """Write N labels at N boxes into `picture` in place, the first on top.

    Args:
        picture: (H, W, 3) uint8 BGR.
        boxes: (N, 4) corners, pixels.
        labels: N texts.
        colors: N plate colours.
        font: see `_load_font`.
        font_sizes: N heights of the text, pixels.
        txt_color: black or white takes over where it would not be readable on the plate.
        line_width: of the boxes, so that plates sit flush with their outer edge.
    """
    plates = [text_plate(label, font, size) for label, size in zip(labels, font_sizes, strict=True)]
    places = place_labels(boxes, [plate.shape for plate in plates], picture.shape[:2], line_width)
    for plate, place, color in reversed(list(zip(plates, places.tolist(), colors, strict=True))):
        _paint(picture, plate, place, color, readable_text_color(txt_color, color))


@lru_cache(maxsize=512)
def text_plate(text: str, font: str, font_size: int) -> NDArray[np.float32]:
    """Return (h, w) ink from 0 (plate) to 1 (text), with a margin around the text."""
    loaded = _load_font(font, font_size)
    pad_x, pad_y = max(round(font_size * 0.3), 2), max(round(font_size * 0.18), 1)
    # The height is the font's own, not the text's, so that all labels of a picture are equally high.
    left, top, right, bottom = loaded.getbbox(text)
    _, line_top, _, line_bottom = loaded.getbbox("ÄÅgjpqy|")
    top, bottom = min(top, line_top), max(bottom, line_bottom)
    size = (round(right - left) + 2 * pad_x, round(bottom - top) + 2 * pad_y)
    canvas = Image.new("L", size, 0)
    ImageDraw.Draw(canvas).text((pad_x - left, pad_y - top), text, fill=255, font=loaded)
    ink = (np.asarray(canvas) / 255).astype(np.float32)
    ink.flags.writeable = False
    return ink


def place_labels(
    boxes: NDArray[np.float32], plate_hw: list[tuple[int, ...]], picture_hw: tuple[int, int], line_width: int
) -> NDArray[np.int64]:
    """Choose the place (N, 4) of each label: x, y, width, height in pixels, the first box first.

    A label stands above its box if it fits there, else inside at the top; when it would cover an earlier
    label it moves below the box, to the lower edge inside or to the right end, whichever covers least.
    """
    places = np.zeros((len(boxes), 4), np.int64)
    for i, (box, (height, width)) in enumerate(zip(boxes, plate_hw, strict=True)):
        candidates = np.array(_candidates(box, height, width, picture_hw, line_width))
        covered = shared_areas(_corners(candidates), _corners(places[:i])).sum(axis=1)
        places[i] = candidates[np.argmin(covered)]
    return places


def _candidates(
    box: NDArray[np.float32], height: int, width: int, picture_hw: tuple[int, int], line_width: int
) -> list[Place]:
    """Return the places for a label that lie within the picture, the most wanted first."""
    outer = line_width / 2
    x1, y1, x2, y2 = box.tolist()
    left, right = x1 - outer, x2 + outer - width
    above, top, below, bottom = y1 - height + outer, y1 - outer, y2 - outer, y2 + outer - height
    wanted = [(left, above), (left, top), (right, above), (left, below), (right, top), (left, bottom), (right, bottom)]
    last_x, last_y = max(picture_hw[1] - width, 0), max(picture_hw[0] - height, 0)
    fitting = [(x, y) for x, y in wanted if 0 <= round(y) <= last_y] or [(left, min(max(top, 0), last_y))]
    return [(min(max(round(x), 0), last_x), round(y), width, height) for x, y in fitting]


def _corners(places: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate((places[:, :2], places[:, :2] + places[:, 2:]), axis=1)


def _paint(picture: Picture, ink: NDArray[np.float32], place: Sequence[int], plate: Color, text: Color) -> None:
    """Write text colour on a plate; what lies outside the picture is cut off."""
    x, y, width, height = place
    picture[y : y + height, x : x + width] = plate
    write_ink(picture, ink, (x, y), text)


def write_ink(picture: Picture, ink: NDArray[np.float32], corner: tuple[int, int], color: Color) -> None:
    """Blend a colour over the picture in place, by the ink (h, w) from its upper left corner x, y on."""
    x, y = corner
    region = picture[y : y + ink.shape[0], x : x + ink.shape[1]]
    share = ink[: region.shape[0], : region.shape[1], None]
    region[:] = (region + share * (np.array(color, np.float32) - region)).round().astype(np.uint8)
