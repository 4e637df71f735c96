"""Pictures of a batch side by side, with what is labelled or found on them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from posekit.errors import ShapeError
from posekit.files.whole_file import write_whole
from posekit.viz.draw import draw_scene
from posekit.viz.jpeg import jpeg_bytes
from posekit.viz.labels import text_plate
from posekit.viz.options import DEFAULT_FONT, DrawOptions
from posekit.viz.plots.enlarge import enlarged_boxes, enlarged_keypoints
from posekit.viz.plots.lettering import one_line, shortened
from posekit.viz.scene import Color, Picture, Scene

MOST_PICTURES = 16
LONGEST_SIDE = 1920
GAP, CAPTION_HEIGHT, CAPTION_FONT = 10, 30, 15
LEAST_TILE = 48  # pixels; also where a caption still has room for a few letters
PAPER, INK = (255, 255, 255), (60, 52, 46)


def save_batch_picture(
    pictures: Sequence[Picture], scenes: Sequence[Scene], titles: Sequence[str], path: str | Path
) -> None:
    """Write a JPEG mosaic of up to 16 pictures, at most 1920 pixels wide and high; further ones are left out.

    Args:
        pictures: (H, W, 3) uint8 BGR, of any sizes.
        scenes: what to draw on each, in its pixels.
        titles: written under each, shortened to its width: its file name.
        path: where to; folders are made.

    Raises:
        ShapeError: there are not as many scenes and titles as pictures.
        OutputError: the file cannot be written.
    """
    write_whole(path, jpeg_bytes(batch_mosaic(pictures, scenes, titles)))


def batch_mosaic(pictures: Sequence[Picture], scenes: Sequence[Scene], titles: Sequence[str]) -> Picture:
    """Return the mosaic that `save_batch_picture` writes, (H, W, 3) uint8 BGR; a white one for no pictures."""
    if not len(pictures) == len(scenes) == len(titles):
        raise ShapeError(f"{len(pictures)} pictures, {len(scenes)} scenes and {len(titles)} titles: as many are needed")
    pictures = pictures[:MOST_PICTURES]
    columns, rows = _grid(len(pictures))
    height, width = _tile_size(pictures, columns, rows)
    drawn = [_drawn_to_fit(one, scene, height, width) for one, scene in zip(pictures, scenes, strict=False)]
    bands = [
        _band(drawn[i : i + columns], titles[i : i + columns], (columns, width)) for i in range(0, len(drawn), columns)
    ]
    empty = np.full((height if not bands else GAP, columns * (width + GAP) + GAP, 3), PAPER, np.uint8)
    return np.concatenate((empty, *bands))


def _band(pictures: Sequence[Picture], titles: Sequence[str], tiles: tuple[int, int]) -> Picture:
    """Return one row of the mosaic, as high as its highest picture, for `tiles`: how many and how wide."""
    columns, width = tiles
    height = max(picture.shape[0] for picture in pictures)
    band = np.full((height + CAPTION_HEIGHT, columns * (width + GAP) + GAP, 3), PAPER, np.uint8)
    for i, (picture, title) in enumerate(zip(pictures, titles, strict=False)):
        left = GAP + i * (width + GAP)
        # Pictures of another shape stand in the middle of their tile, right above their caption.
        y, x = height - picture.shape[0], left + (width - picture.shape[1]) // 2
        band[y:height, x : x + picture.shape[1]] = picture
        write_line(band, title, (left + width // 2, height + CAPTION_HEIGHT // 2 - 2), width)
    return band


def write_line(canvas: Picture, text: str, middle: tuple[int, int], width: int, color: Color = INK) -> None:
    """Write one line of text into `canvas` in place, centred, its middle left out where it is too long.

    Args:
        canvas: (H, W, 3) uint8 BGR, in one colour where the text stands.
        text: any text.
        middle: x, y of the centre, pixels.
        width: most pixels that the line may take.
        color: BGR.
    """
    line = one_line(text)
    ink = text_plate(line, DEFAULT_FONT, CAPTION_FONT)
    while ink.shape[1] > width and len(line) > 1:
        line = shortened(line, max(min(len(line) - 1, len(line) * width // ink.shape[1]), 1))
        ink = text_plate(line, DEFAULT_FONT, CAPTION_FONT)
    top, left = max(middle[1] - ink.shape[0] // 2, 0), max(middle[0] - ink.shape[1] // 2, 0)
    region = canvas[top : top + ink.shape[0], left : left + ink.shape[1]]
    share = ink[: region.shape[0], : region.shape[1], None]
    region[:] = (region + share * (np.array(color, np.float32) - region)).round().astype(np.uint8)


def scaled_scene(scene: Scene, scale: float) -> Scene:
    """Return the scene for a picture enlarged by `scale`; masks stay, as drawing fits them to the picture."""
    boxes = None if scene.boxes is None else enlarged_boxes(scene.boxes, scale)
    keypoints = None if scene.keypoints is None else enlarged_keypoints(scene.keypoints, scale)
    return replace(scene, boxes=boxes, keypoints=keypoints)


def _grid(count: int) -> tuple[int, int]:
    """Return columns and rows: as square as can be."""
    columns = int(np.ceil(np.sqrt(max(count, 1))))
    return columns, -(-max(count, 1) // columns)


def _tile_size(pictures: Sequence[Picture], columns: int, rows: int) -> tuple[int, int]:
    """Return height and width of each tile: the largest picture, scaled so that all fit into the longest side."""
    height = max((picture.shape[0] for picture in pictures), default=320)
    width = max((picture.shape[1] for picture in pictures), default=480)
    most_width = (LONGEST_SIDE - GAP) // columns - GAP
    most_height = (LONGEST_SIDE - GAP) // rows - CAPTION_HEIGHT
    scale = min(most_width / width, most_height / height, 1.0)
    return (
        min(max(int(height * scale), LEAST_TILE), most_height),
        min(max(int(width * scale), LEAST_TILE), most_width),
    )


def _drawn_to_fit(picture: Picture, scene: Scene, height: int, width: int) -> Picture:
    """Draw the scene on the picture at the size of its tile, so that lines and text are equal in all tiles."""
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = (min(max(round(picture.shape[1] * scale), 1), width), min(max(round(picture.shape[0] * scale), 1), height))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return draw_scene(np.asarray(resized, np.uint8), scaled_scene(scene, scale), DrawOptions())
