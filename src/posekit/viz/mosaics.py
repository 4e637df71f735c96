"""Pictures of a batch side by side, with what is labelled or found on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from posekit.errors import ShapeError
from posekit.files.pictures import encode_picture, write_picture
from posekit.files.writing import write_whole
from posekit.sample import Picture
from posekit.schema.schema import KeypointSchema
from posekit.viz.chart_style import one_line, shortened
from posekit.viz.colors import CLASS_COLORS, WHITE, Color
from posekit.viz.draw import (
    OUTLINE,
    DrawOptions,
    Scene,
    draw_pose,
    draw_scene,
    font_size_for,
    line_width_for,
    object_font_sizes,
    picture_radius,
    visible_points,
)
from posekit.viz.labels import DEFAULT_FONT, draw_labels, text_plate


def enlarged_boxes(boxes: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return (N, 4) corners times `scale`; what is too large for a number becomes infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(boxes, np.float32) * np.float32(scale)


def enlarged_keypoints(keypoints: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return (N, K, 2 or 3) with x and y times `scale`; infinite ones are not drawn."""
    enlarged = np.array(keypoints, np.float32)
    with np.errstate(over="ignore"):
        enlarged[..., :2] *= np.float32(scale)
    return enlarged


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
    write_whole(path, encode_picture(batch_mosaic(pictures, scenes, titles)))


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


# Cyan, magenta, yellow and white stay apart for colour-blind eyes; labels are dashed besides, finds are not.
TRUE_POSITIVE: Color = CLASS_COLORS[5]


FALSE_POSITIVE: Color = CLASS_COLORS[18]


MISSED: Color = CLASS_COLORS[1]


GROUND_TRUTH: Color = WHITE


LEGEND_PAPER: Color = (34, 28, 24)


KPT_CONF, KPT_RADIUS = 0.25, 4.0


FARTHEST = 2**15


# Smaller pictures are enlarged until the legend can be read.
LEAST_SIDE = 640


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """N labelled and M found objects, in pixels of the picture.

    Attributes:
        true_boxes: (N, 4) labelled corners x1 y1 x2 y2.
        missed: (N,) bool: no detection was matched with the label.
        found_boxes: (M, 4) found corners, best first.
        correct: (M,) bool: matched with a label; the others are false positives.
        true_labels: N texts, written at missed objects; empty to write none.
        found_labels: M texts; empty to write none.
        true_keypoints: (N, K, 2 or 3); None to draw none.
        found_keypoints: (M, K, 2 or 3); None to draw none.
        schema: limbs of the keypoints; None draws dots only.
    """

    true_boxes: NDArray[np.float32]
    missed: NDArray[np.bool_]
    found_boxes: NDArray[np.float32]
    correct: NDArray[np.bool_]
    true_labels: Sequence[str] = ()
    found_labels: Sequence[str] = ()
    true_keypoints: NDArray[np.float32] | None = None
    found_keypoints: NDArray[np.float32] | None = None
    schema: KeypointSchema | None = None

    def __post_init__(self) -> None:
        sides = (
            ("true", self.true_boxes, self.missed, self.true_labels, self.true_keypoints),
            ("found", self.found_boxes, self.correct, self.found_labels, self.found_keypoints),
        )
        for side, boxes, judged, labels, keypoints in sides:
            count = len(boxes)
            if boxes.shape != (count, 4) or judged.shape != (count,) or len(labels) not in (0, count):
                raise ShapeError(
                    f"{side} boxes {boxes.shape}, their verdicts {judged.shape} and {len(labels)} labels: "
                    "expected (N, 4), (N,) and N or no labels"
                )
            if keypoints is not None and len(keypoints) != count:
                raise ShapeError(f"{len(keypoints)} {side} keypoint rows for {count} boxes")


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Objects of one verdict: where, in which colour, dashed or not."""

    name: str
    color: Color
    dashed: bool
    boxes: NDArray[np.float32]
    labels: list[str]
    keypoints: NDArray[np.float32] | None


def save_verdict_picture(picture: Picture, verdict: Verdict, path: str | Path) -> None:
    """Write the picture of `draw_verdict` as a JPEG.

    Raises:
        OutputError: the file cannot be written.
    """
    write_whole(path, encode_picture(draw_verdict(picture, verdict)))


def draw_verdict(picture: Picture, verdict: Verdict) -> Picture:
    """Return the picture with the objects in the colours of their verdict, over a legend that counts them.

    Args:
        picture: (H, W, 3) uint8 BGR; one smaller than 640 pixels is enlarged.
        verdict: what was labelled and found.

    Returns:
        (H', W', 3) uint8 BGR.
    """
    scale = max(LEAST_SIDE / max(picture.shape[:2]), 1.0)
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    drawn = np.array(picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    groups = _groups(verdict, scale)
    for group in groups:
        _draw_boxes(drawn, group)
    for group in groups:
        _draw_poses(drawn, group, verdict.schema)
    for group in groups:
        _draw_labels(drawn, group)
    return np.concatenate((drawn, _legend([*groups[1:], groups[0]], drawn.shape[1])))


def _groups(verdict: Verdict, scale: float) -> list[_Group]:
    """Sort the objects by verdict, the most important last, to be drawn on top."""

    def group(name: str, color: Color, chosen: NDArray[np.bool_], *, labelled: bool) -> _Group:
        boxes, labels, points = (
            (verdict.true_boxes, verdict.true_labels, verdict.true_keypoints)
            if labelled
            else (verdict.found_boxes, verdict.found_labels, verdict.found_keypoints)
        )
        keypoints = None if points is None else enlarged_keypoints(points[chosen], scale)
        texts = [text for text, one in zip(labels, chosen.tolist(), strict=False) if one]
        corners = np.nan_to_num(enlarged_boxes(boxes[chosen], scale)).clip(-FARTHEST, FARTHEST)
        return _Group(name=name, color=color, dashed=labelled, boxes=corners, labels=texts, keypoints=keypoints)

    return [
        group("matched label", GROUND_TRUTH, ~verdict.missed, labelled=True),
        group("true positive", TRUE_POSITIVE, verdict.correct, labelled=False),
        group("false positive", FALSE_POSITIVE, ~verdict.correct, labelled=False),
        group("missed", MISSED, verdict.missed, labelled=True),
    ]


def _draw_boxes(picture: Picture, group: _Group) -> None:
    width = line_width_for(*picture.shape[:2])
    for x1, y1, x2, y2 in group.boxes.round().astype(int).tolist():
        cv2.rectangle(picture, (x1, y1), (x2, y2), OUTLINE, width + 2)
        if not group.dashed:
            cv2.rectangle(picture, (x1, y1), (x2, y2), group.color, width)
            continue
        corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
            _draw_dashes(picture, start, end, group.color, width)


def _draw_dashes(picture: Picture, start: tuple[int, int], end: tuple[int, int], color: Color, width: int) -> None:
    """Draw dashes of four line widths; only where the picture is, as a box may reach far outside."""
    height, wide = picture.shape[:2]
    frame = (-width, -width, wide + 2 * width, height + 2 * width)
    inside, near, far = cv2.clipLine(frame, start, end)
    if not inside:
        return
    first, last = np.array(near, float), np.array(far, float)
    length = float(np.hypot(*(last - first)))
    for at in np.arange(0, max(length, 1), 7 * width):
        a, b = (first + (last - first) * min(part / max(length, 1), 1) for part in (at, at + 4 * width))
        cv2.line(picture, _pixel(a), _pixel(b), color, width)


def _pixel(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = point.round().astype(int).tolist()
    return x, y


def _draw_poses(picture: Picture, group: _Group, schema: KeypointSchema | None) -> None:
    if group.keypoints is None or not len(group.keypoints):
        return
    limbs = [(limb, group.color) for limb in (schema.skeleton if schema is not None else ())]
    colors = [group.color] * group.keypoints.shape[1]
    radius = picture_radius(KPT_RADIUS, *picture.shape[:2])
    for points, visible in zip(group.keypoints, visible_points(group.keypoints, KPT_CONF), strict=True):
        draw_pose(picture, points[:, :2], visible, limbs, colors, radius)


def _draw_labels(picture: Picture, group: _Group) -> None:
    """Write the labels; those of labelled and found objects would stand on those of the finds, and are left out."""
    if not group.labels or group.color == GROUND_TRUTH:
        return
    sizes = object_font_sizes(font_size_for(*picture.shape[:2]), group.boxes)
    draw_labels(
        picture,
        group.boxes,
        group.labels,
        [group.color] * len(group.labels),
        font=DEFAULT_FONT,
        font_sizes=sizes,
        txt_color=WHITE,
        line_width=line_width_for(*picture.shape[:2]),
    )


def _legend(groups: Sequence[_Group], width: int) -> Picture:
    """Return a strip as wide as the picture: a sample of each line, the number of objects and what it means."""
    size = font_size_for(640, width) if width > LEAST_SIDE else 13
    plates = [text_plate(f"{group.name}: {len(group.boxes)}", DEFAULT_FONT, size) for group in groups]
    sample, pad = 2 * size, size // 2
    lines: list[list[int]] = [[]]
    used = pad
    for i, plate in enumerate(plates):
        needed = sample + plate.shape[1] + 2 * pad
        if used + needed > width and lines[-1]:
            lines.append([])
            used = pad
        lines[-1].append(i)
        used += needed
    row_height = max(plate.shape[0] for plate in plates) + pad
    strip = np.full((len(lines) * row_height + pad, width, 3), LEGEND_PAPER, np.uint8)
    for row, line in enumerate(lines):
        _draw_legend_line(strip, [(groups[i], plates[i]) for i in line], pad // 2 + row * row_height, sample, pad)
    return strip


def _draw_legend_line(
    strip: Picture, entries: Sequence[tuple[_Group, NDArray[np.float32]]], top: int, sample: int, pad: int
) -> None:
    x, width = pad, max(sample // 8, 2)
    for group, plate in entries:
        middle = top + pad // 2 + plate.shape[0] // 2
        if group.dashed:
            _draw_dashes(strip, (x, middle), (x + sample - width, middle), group.color, width)
        else:
            cv2.line(strip, (x, middle), (x + sample - width, middle), group.color, width)
        left = x + sample
        region = strip[top + pad // 2 : top + pad // 2 + plate.shape[0], left : left + plate.shape[1]]
        share = plate[: region.shape[0], : region.shape[1], None]
        region[:] = (region + share * (np.array(WHITE, np.float32) - region)).round().astype(np.uint8)
        x = left + plate.shape[1] + pad


CHANNELS = 32


COLUMNS = 8


def save_feature_maps(maps: Mapping[str, Tensor], folders: Sequence[Path]) -> None:
    """Write one PNG per layer and picture: ``<folder>/<layer>_features.png``.

    Args:
        maps: (B, C, H, W) by layer name; the first channels are drawn, each stretched to full contrast.
        folders: one per picture, B in all; made when missing.

    Raises:
        OutputError: a picture cannot be written.
    """
    for name, batch in maps.items():
        for folder, channels in zip(folders, batch.float().cpu().numpy(), strict=True):
            write_picture(folder / f"{name}_features.png", tile_channels(channels[:CHANNELS]))


def tile_channels(channels: np.ndarray) -> np.ndarray:
    """Arrange (C, H, W) float maps in rows of eight: uint8, one pixel apart."""
    low = channels.min((1, 2), keepdims=True)
    span = np.maximum(channels.max((1, 2), keepdims=True) - low, 1e-12)
    grey = ((channels - low) / span * 255).astype(np.uint8)
    rows = -(-len(grey) // COLUMNS)
    padded = np.zeros((rows * COLUMNS, grey.shape[1] + 1, grey.shape[2] + 1), np.uint8)
    padded[: len(grey), :-1, :-1] = grey
    height, width = padded.shape[1:]
    return padded.reshape(rows, COLUMNS, height, width).swapaxes(1, 2).reshape(rows * height, COLUMNS * width)
