"""Mosaic: four pictures around one point of a canvas of twice the input size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posekit.augment.geometry import move_objects
from posekit.augment.objects import cut_objects, join_objects, select_objects
from posekit.ops.letterbox import PADDING_GREY
from posekit.sample import Picture, Sample

Point = tuple[int, int]
Size = tuple[int, int]
TILES = 4


@dataclass(frozen=True)
class Tile:
    """Where a picture lies on the canvas, and which part of it.

    Attributes:
        canvas: x1 y1 x2 y2 on the canvas, whole pixels.
        picture: x1 y1 x2 y2 of the part that is seen, in pixels of the picture.
    """

    canvas: tuple[int, int, int, int]
    picture: tuple[int, int, int, int]

    @property
    def shift(self) -> Point:
        """(x, y) from pixels of the picture to those of the canvas."""
        return self.canvas[0] - self.picture[0], self.canvas[1] - self.picture[1]


def draw_centre(imgsz: int, rng: np.random.Generator) -> Point:
    """Draw the point (y, x) of a canvas of 2 imgsz x 2 imgsz at which the pictures meet."""
    y, x = rng.uniform(imgsz / 2, imgsz * 3 / 2, 2).astype(int).tolist()
    return y, x


def lay_out(sizes: Sequence[Size], centre: Point, imgsz: int) -> list[Tile]:
    """Return the places of four pictures (h, w): top left, top right, bottom left and bottom right of the centre."""
    return [_tile(size, centre, 2 * imgsz, left=i % 2 == 0, top=i < 2) for i, size in enumerate(sizes)]


def make_mosaic(samples: Sequence[Sample], centre: Point, imgsz: int) -> Sample:
    """Join four samples.

    Args:
        samples: four, no side of a picture longer than `imgsz`; path and original size are those of the first.
        centre: (y, x) on the canvas.
        imgsz: half a side of the canvas.

    Returns:
        A picture of 2 imgsz x 2 imgsz, grey where no picture reaches, with the objects of all, cut to the canvas;
        keypoints outside it are unlabelled, objects outside it left out.
    """
    side = 2 * imgsz
    tiles = lay_out([sample.size for sample in samples], centre, imgsz)
    canvas: Picture = np.full((side, side, 3), PADDING_GREY, np.uint8)
    for sample, tile in zip(samples, tiles, strict=True):
        (x1, y1, x2, y2), (left, top, right, bottom) = tile.canvas, tile.picture
        canvas[y1:y2, x1:x2] = sample.image[top:bottom, left:right]
    moved = [_shifted(sample, tile.shift) for sample, tile in zip(samples, tiles, strict=True)]
    joined = cut_objects(join_objects(canvas, moved), (0, 0, side, side))
    return select_objects(joined, (joined.boxes[:, 2:] - joined.boxes[:, :2]).min(1) > 0)


def _tile(size: Size, centre: Point, side: int, *, left: bool, top: bool) -> Tile:
    (height, width), (y, x) = size, centre
    x1, x2, from_x, to_x = _span(width, x, side, before=left)
    y1, y2, from_y, to_y = _span(height, y, side, before=top)
    return Tile((x1, y1, x2, y2), (from_x, from_y, to_x, to_y))


def _span(length: int, meet: int, side: int, *, before: bool) -> tuple[int, int, int, int]:
    """Return the span on the canvas and the span of the picture, along one axis."""
    if before:
        start = max(meet - length, 0)
        return start, meet, length - (meet - start), length
    stop = min(meet + length, side)
    return meet, stop, 0, stop - meet


def _shifted(sample: Sample, shift: Point) -> Sample:
    return move_objects(sample, lambda rows: rows + np.array(shift)[:, None])
