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
from posekit.viz.chart_style import printable_line, shortened
from posekit.viz.colors import CLASS_COLORS, WHITE, Color
from posekit.viz.draw import DrawOptions, Scene, draw_dashes, draw_scene, font_size_for
from posekit.viz.labels import DEFAULT_FONT, text_plate, write_ink

MOST_PICTURES = 16
LONGEST_SIDE = 1920
GAP, CAPTION_HEIGHT, CAPTION_FONT = 10, 30, 15
LEAST_TILE = 48  # pixels; also where a caption still has room for a few letters
PAPER, INK = (255, 255, 255), (60, 52, 46)

# Cyan, magenta, yellow and white stay apart for colour-blind eyes; labels are dashed besides, finds are not.
TRUE_POSITIVE: Color = CLASS_COLORS[5]
FALSE_POSITIVE: Color = CLASS_COLORS[18]
MISSED: Color = CLASS_COLORS[1]
GROUND_TRUTH: Color = WHITE
LEGEND_PAPER: Color = (34, 28, 24)
LEAST_SIDE = 640  # smaller pictures are enlarged until the legend can be read

CHANNELS = 32  # most that are shown of a layer
COLUMNS = 8


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
        _write_title(band, title, (left + width // 2, height + CAPTION_HEIGHT // 2 - 2), width)
    return band


def _write_title(band: Picture, title: str, middle: tuple[int, int], width: int) -> None:
    """Write one line centred at `middle` x, y, its own middle left out where it is wider than `width` pixels."""
    line = printable_line(title)
    ink = text_plate(line, DEFAULT_FONT, CAPTION_FONT)
    while ink.shape[1] > width and len(line) > 1:
        line = shortened(line, max(min(len(line) - 1, len(line) * width // ink.shape[1]), 1))
        ink = text_plate(line, DEFAULT_FONT, CAPTION_FONT)
    corner = max(middle[0] - ink.shape[1] // 2, 0), max(middle[1] - ink.shape[0] // 2, 0)
    write_ink(band, ink, corner, INK)


def _scaled_scene(scene: Scene, scale: float) -> Scene:
    """Return the scene for a picture enlarged by `scale`; masks stay, as drawing fits them to the picture."""
    boxes, keypoints = scene.boxes, scene.keypoints
    with np.errstate(over="ignore"):  # what is too large for a number becomes infinite
        if boxes is not None:
            boxes = boxes * np.float32(scale)
        if keypoints is not None:
            keypoints = np.concatenate((keypoints[..., :2] * np.float32(scale), keypoints[..., 2:]), axis=-1)
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
    return draw_scene(np.asarray(resized, np.uint8), _scaled_scene(scene, scale), DrawOptions())


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


def save_verdict_picture(picture: Picture, verdict: Verdict, path: str | Path) -> None:
    """Write the picture of `draw_verdict` as a JPEG; folders are made."""
    write_whole(path, encode_picture(draw_verdict(picture, verdict)))


def draw_verdict(picture: Picture, verdict: Verdict) -> Picture:
    """Return the picture with the objects in the colours of their verdict, over a legend that counts them.

    Pictures are (H, W, 3) uint8 BGR; one smaller than 640 pixels is enlarged.
    """
    scale = max(LEAST_SIDE / max(picture.shape[:2]), 1.0)
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    enlarged = picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    scene = _scaled_scene(_verdict_scene(verdict), scale)
    drawn = draw_scene(np.asarray(enlarged, np.uint8), scene, DrawOptions(kpt_radius=4))
    entries = (
        (f"true positive: {verdict.correct.sum()}", TRUE_POSITIVE, False),
        (f"false positive: {(~verdict.correct).sum()}", FALSE_POSITIVE, False),
        (f"missed: {verdict.missed.sum()}", MISSED, True),
        (f"matched label: {(~verdict.missed).sum()}", GROUND_TRUTH, True),
    )
    return np.concatenate((drawn, _legend(entries, drawn.shape[1])))


def _verdict_scene(verdict: Verdict) -> Scene:
    """Return all objects, the most important first: missed ones, false and true positives, matched labels."""
    found = np.repeat((False, True), (len(verdict.true_boxes), len(verdict.found_boxes)))
    right = np.concatenate((~verdict.missed, verdict.correct))
    kinds = np.select((~found & ~right, found & ~right, found), (0, 1, 2), 3)
    order = np.argsort(kinds, kind="stable")
    # Labels of matched objects would stand on those of their finds, and are left out.
    texts = [*(verdict.true_labels or [""] * len(verdict.true_boxes))]
    texts = [text if missed else "" for text, missed in zip(texts, verdict.missed.tolist(), strict=True)]
    texts += verdict.found_labels or [""] * len(verdict.found_boxes)
    keypoints = None
    if verdict.true_keypoints is not None or verdict.found_keypoints is not None:
        points = max(part.shape[1] for part in (verdict.true_keypoints, verdict.found_keypoints) if part is not None)
        keypoints = np.zeros((len(found), points, 3), np.float32)
        for rows, part in ((~found, verdict.true_keypoints), (found, verdict.found_keypoints)):
            if part is not None:
                drawn = part[..., 2:] if part.shape[2] == 3 else np.any(part != 0, axis=-1, keepdims=True)
                keypoints[rows] = np.concatenate((part[..., :2], drawn), axis=-1)
        keypoints = keypoints[order]
    return Scene(
        color_numbers=kinds[order],
        boxes=np.concatenate((verdict.true_boxes, verdict.found_boxes))[order],
        labels=[texts[i] for i in order.tolist()],
        keypoints=keypoints,
        schema=verdict.schema,
        colors=[(MISSED, FALSE_POSITIVE, TRUE_POSITIVE, GROUND_TRUTH)[kind] for kind in kinds[order].tolist()],
        dashed=~found[order],
    )


def _legend(entries: Sequence[tuple[str, Color, bool]], width: int) -> Picture:
    """Return a strip as wide as the picture: a sample of each line, dashed or not, and what it means."""
    size = font_size_for(640, width) if width > LEAST_SIDE else 13
    plates = [text_plate(text, DEFAULT_FONT, size) for text, _, _ in entries]
    sample, pad = 2 * size, size // 2
    height, thickness = max(plate.shape[0] for plate in plates), max(sample // 8, 2)
    places, x, y = [], pad, pad
    for plate in plates:
        if x > pad and x + sample + plate.shape[1] + 2 * pad > width:
            x, y = pad, y + height + pad
        places.append((x, y))
        x += sample + plate.shape[1] + pad
    strip = np.full((y + height + pad, width, 3), LEGEND_PAPER, np.uint8)
    for plate, (left, top), (_, color, dashed) in zip(plates, places, entries, strict=True):
        middle = top + plate.shape[0] // 2
        ends = (left, middle), (left + sample - thickness, middle)
        if dashed:
            draw_dashes(strip, *ends, color, thickness)
        else:
            cv2.line(strip, *ends, color, thickness)
        write_ink(strip, plate, (left + sample, top), WHITE)
    return strip


def save_feature_maps(maps: Mapping[str, Tensor], folders: Sequence[Path]) -> None:
    """Write one PNG per layer and picture: ``<folder>/<layer>_features.png``.

    Args:
        maps: (B, C, H, W) by layer name; the first channels are drawn, each stretched to full contrast.
        folders: one per picture, B in all; made when missing.
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
