"""Pictures joined to one: mosaic, MixUp, CutMix and copy-paste, each as drawn parameters and what they do."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.objects import TINY, cut_objects, join_objects, least_area, move_objects, select_objects
from posekit.augment.warps import FlipMap, flip_left_right
from posekit.errors import ShapeError
from posekit.ops.boxes import box_areas, shared_areas
from posekit.ops.letterbox import PADDING_GREY
from posekit.sample import Floats, Picture, Sample

Point = tuple[int, int]
Size = tuple[int, int]
Rectangle = tuple[int, int, int, int]

TILES = 4

CONCENTRATION = 32.0  # of the beta distribution of the share: mostly near one half
# OpenCV rounds levels where the recipe cuts their fractions. A little less than one half, so that whole levels stay.
CUT_NOT_ROUND = -0.499

CANDIDATES = 3  # rectangles drawn in search of a free one
MOST_HIDDEN = 0.3  # share of any existing box that a pasted one may cover


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


def draw_share(rng: np.random.Generator) -> float:
    """Draw the share of the first picture."""
    return float(rng.beta(CONCENTRATION, CONCENTRATION))


def mix_up(sample: Sample, partner: Sample, share: float) -> Sample:
    """Blend two pictures of the same size, the first with a share of 0 to 1; path and original size are its.

    Raises:
        ShapeError: the sizes differ.
    """
    if sample.size != partner.size:
        raise ShapeError(f"MixUp blends pictures of one size, but these have {sample.size} and {partner.size} pixels")
    blend = cv2.addWeighted(sample.image, share, partner.image, 1 - share, CUT_NOT_ROUND)
    image = np.asarray(blend, np.uint8)
    return join_objects(image, (sample, partner))


def draw_rectangle(size: tuple[int, int], rng: np.random.Generator) -> Rectangle:
    """Draw a rectangle x1 y1 x2 y2 within a picture (H, W): any area is as likely as any other; it may be empty."""
    side = float(np.sqrt(1 - rng.beta(1, 1)))
    centre = rng.integers(size[::-1])
    half = (np.array(size[::-1]) * side).astype(int) // 2
    (x1, y1), (x2, y2) = (np.clip(corner, 0, size[::-1]).tolist() for corner in (centre - half, centre + half))
    return x1, y1, x2, y2


def find_free_rectangle(boxes: Floats, size: tuple[int, int], rng: np.random.Generator) -> Rectangle | None:
    """Return the first of three drawn rectangles that is not empty and touches none of the boxes (N, 4), or None."""
    candidates = [draw_rectangle(size, rng) for _ in range(CANDIDATES)]
    hidden = shared_areas(np.array(candidates, np.float32), boxes).max(1, initial=0)
    for (x1, y1, x2, y2), area in zip(candidates, hidden.tolist(), strict=True):
        if x1 < x2 and y1 < y2 and not area:
            return x1, y1, x2, y2
    return None


def paste_rectangle(sample: Sample, partner: Sample, rectangle: Rectangle) -> Sample:
    """Put a rectangle of another picture of the same size at the same place; path and original size stay.

    Of the partner's objects those of which enough is inside come along, cut to the rectangle; where there is none,
    `sample` itself is returned.

    Raises:
        ShapeError: the sizes differ.
    """
    if sample.size != partner.size:
        raise ShapeError(f"CutMix joins pictures of one size, but these have {sample.size} and {partner.size} pixels")
    inside = shared_areas(partner.boxes, np.array([rectangle], np.float32))[:, 0]
    pasted = inside >= least_area(partner) * (box_areas(partner.boxes) + TINY)
    if not pasted.any():
        return sample
    x1, y1, x2, y2 = rectangle
    image = sample.image.copy()
    image[y1:y2, x1:x2] = partner.image[y1:y2, x1:x2]
    return join_objects(image, (sample, cut_objects(select_objects(partner, pasted), rectangle)))


def paste_mirrored(sample: Sample, share: float, flip_idx: FlipMap | None) -> Sample:
    """Put mirror images of a picture's own objects at their mirrored places, as `paste_objects`; left stays left."""
    return paste_objects(sample, flip_left_right(sample, flip_idx), share)


def paste_objects(sample: Sample, source: Sample, share: float) -> Sample:
    """Put objects of another picture of the same size at the same places, after the own; path and size stay.

    Only objects with an outline are pasted, and of those that find a place a share of 0 to 1, the ones that hide
    least of any existing box first; where none does, `sample` itself is returned.

    Raises:
        ShapeError: the sizes differ.
    """
    if sample.size != source.size:
        raise ShapeError(f"CopyPaste joins pictures of one size, but these have {sample.size} and {source.size} pixels")
    chosen = _choose(sample, source, share)
    if not len(chosen):
        return sample
    pasted = select_objects(source, chosen)
    stencil = np.zeros(sample.size, np.uint8)
    for polygon in pasted.polygons or ():
        cv2.fillPoly(stencil, [polygon.astype(np.int32)], (1,))
    image = sample.image.copy()
    cv2.copyTo(source.image, stencil, image)
    return join_objects(image, (sample, pasted))


def _choose(sample: Sample, source: Sample, share: float) -> NDArray[np.int64]:
    """Return the numbers of the objects to paste, those that hide least of any existing one first."""
    if source.polygons is None or not len(source.boxes):
        return np.zeros(0, np.int64)
    hidden = shared_areas(source.boxes, sample.boxes) / (box_areas(sample.boxes) + TINY)
    most = hidden.max(1, initial=0)
    outlined = np.array([len(polygon) > 0 for polygon in source.polygons])
    fitting = np.flatnonzero(outlined & (most < MOST_HIDDEN))
    order = fitting[np.argsort(most[fitting], kind="stable")]
    return order[: round(share * len(order))]
