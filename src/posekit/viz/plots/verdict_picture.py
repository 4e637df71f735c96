"""One picture with the verdict of the metric on each object: found, missed, or not there at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.files.whole_file import write_whole
from posekit.schema import KeypointSchema
from posekit.viz.jpeg import jpeg_bytes
from posekit.viz.labels import draw_labels, text_plate
from posekit.viz.options import DEFAULT_FONT
from posekit.viz.palette import CLASS_COLORS, WHITE
from posekit.viz.plots.enlarge import enlarged_boxes, enlarged_keypoints
from posekit.viz.pose import OUTLINE, draw_pose, visible_points
from posekit.viz.scene import Color, Picture
from posekit.viz.sizes import font_size_for, line_width_for, object_font_sizes, picture_radius

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
    write_whole(path, jpeg_bytes(draw_verdict(picture, verdict)))


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
