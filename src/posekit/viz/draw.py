"""Draw a `Scene`: masks, then boxes, then poses, then labels; the best detection on top."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.errors import UnknownChoiceError
from posekit.ops.masks import letterbox_content
from posekit.sample import Picture
from posekit.schema.schema import KeypointSchema
from posekit.viz.colors import Color, color_of, pose_colors
from posekit.viz.labels import DEFAULT_FONT, draw_labels

ALPHA = 0.5

COLOR_MODES = ("class", "instance")

NOMINAL_SIDE = 1000  # the picture side at which `kpt_radius` is meant literally
SMALL_PICTURE = 0.7  # dots shrink no further than to this share of it in small pictures
# Dots of a small object shrink to this share of its size, so that they do not cover it.
RADIUS_PER_SIZE = 0.022
SMALLEST_RADIUS = 1.5
RADIUS_PER_GAP = 0.42  # crowded dots take up to this share of the distance to their nearest neighbour
FONT_PER_SIDE, SMALLEST_FONT = 0.024, 9
# Labels of small objects shrink too, down to the least height that can be read.
FONT_PER_OBJECT, SMALLEST_OBJECT_FONT = 0.13, 8

ColoredLimb = tuple[tuple[int, int], Color]
OUTLINE: Color = (24, 20, 20)
_SHIFT = 4  # OpenCV takes coordinates as whole numbers of 1/16 pixel
FARTHEST = 2**15  # its whole numbers overflow far outside the picture


@dataclass(frozen=True, kw_only=True)
class Scene:
    """N objects in pixels of the picture, best first.

    Attributes:
        color_numbers: (N,) one number per object that chooses its colour: class, track id or position.
        boxes: (N, 4) corners x1 y1 x2 y2; None to draw none.
        labels: N texts for the boxes; empty to write none.
        masks: (N, h, w) 0 or 1, letterboxed or at the size of the picture; None to tint none.
        keypoints: (N, K, 2) x y or (N, K, 3) x y confidence; None to draw none.
        schema: names and limbs of the keypoints; None draws dots only.
        one_color_poses: draw limbs in the colour of their object instead of the sides of the body.
        colors: N colours of boxes, limbs and dots; None for those of `color_numbers`, and of the sides of the body.
        dashed: (N,) bool: which boxes are dashed; all boxes then have a dark rim. None for plain boxes.
    """

    color_numbers: NDArray[np.int64]
    boxes: NDArray[np.float32] | None = None
    labels: list[str] = field(default_factory=list)
    masks: NDArray[np.uint8] | None = None
    keypoints: NDArray[np.float32] | None = None
    schema: KeypointSchema | None = None
    one_color_poses: bool = False
    colors: Sequence[Color] | None = None
    dashed: NDArray[np.bool_] | None = None


def _tint_masks(picture: Picture, masks: NDArray[np.uint8], colors: list[Color], edge_width: int) -> None:
    """Blend N masks (N, h, w) into `picture` in place; where they overlap the earlier one is on top.

    Masks are letterboxed or at the size of the picture; `edge_width` is of their outlines, pixels.
    """
    if not len(masks):
        return
    tint = picture.copy()
    outlines = []
    for mask, color in zip(masks[::-1], colors[::-1], strict=True):
        full = _mask_at_size(mask, picture.shape[:2])
        contours, _ = cv2.findContours(full.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(tint, contours, -1, color, cv2.FILLED)
        outlines.append((contours, color))
    cv2.addWeighted(tint, ALPHA, picture, 1 - ALPHA, 0, dst=picture)
    for contours, color in outlines:
        cv2.drawContours(picture, contours, -1, color, edge_width, cv2.LINE_AA)


def _mask_at_size(mask: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Return an (h, w) mask as (H, W) bool: the letterbox padding cut off, the rest resized."""
    if mask.shape == size_hw:
        return mask.astype(bool)
    rows, columns = letterbox_content((mask.shape[0], mask.shape[1]), size_hw)
    content = mask[rows, columns].astype(np.uint8) * 255
    resized = cv2.resize(content, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized) > 127


@dataclass(frozen=True, kw_only=True)
class DrawOptions:
    """Choices for one drawing; sizes are pixels of the picture.

    Attributes:
        conf: write the confidence into labels.
        line_width: of boxes; None chooses by the size of the picture.
        font_size: height of label text; None chooses by the size of the picture.
        font: TrueType file or installed font; the default name stands for DejaVu Sans Bold.
        kpt_radius: nominal radius of keypoint dots, for a picture of about 1000 pixels and a large object.
        kpt_line: draw limbs.
        kpt_conf: points of lower confidence are not drawn, nor the limbs that end there.
        labels: write labels at the boxes.
        boxes: draw boxes and labels.
        masks: tint the masks.
        color_mode: "class", or "instance" for one colour per track or object.
        txt_color: BGR of label text.
    """

    conf: bool = True
    line_width: float | None = None
    font_size: float | None = None
    font: str = DEFAULT_FONT
    kpt_radius: float = 5
    kpt_line: bool = True
    kpt_conf: float = 0.25
    labels: bool = True
    boxes: bool = True
    masks: bool = True
    color_mode: str = "class"
    txt_color: tuple[int, int, int] = (255, 255, 255)

    def __post_init__(self) -> None:
        if self.color_mode not in COLOR_MODES:
            raise UnknownChoiceError(f"color_mode {self.color_mode!r} is not one of {', '.join(COLOR_MODES)}")


def line_width_for(height: int, width: int) -> int:
    """Return the width of box lines, pixels: 3 in 1000, at least 2."""
    return max(round((height + width + 3) / 2 * 0.003), 2)


def font_size_for(height: int, width: int) -> int:
    """Return the height of label text, pixels."""
    return max(round((height + width) / 2 * FONT_PER_SIDE), SMALLEST_FONT)


def object_font_sizes(largest: int, boxes: NDArray[np.float32]) -> list[int]:
    """Return the height of each label, pixels, for (N, 4) corners: `largest`, smaller for small boxes."""
    longer_side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    wanted = (longer_side * FONT_PER_OBJECT).clip(min(SMALLEST_OBJECT_FONT, largest), largest)
    sizes: list[int] = wanted.round().astype(int).tolist()
    return sizes


def picture_radius(kpt_radius: float, height: int, width: int) -> float:
    """Return the radius of keypoint dots on a large object, pixels."""
    return kpt_radius * max((height + width) / 2 / NOMINAL_SIDE, SMALL_PICTURE)


def limb_radius(largest: float, points: NDArray[np.float32]) -> float:
    """Return half the nominal width of an object's joints, pixels: `largest`, smaller for small objects.

    The object is the (P, 2) points of it that are drawn.
    """
    size = float(np.hypot(*np.ptp(points, axis=0)))
    return min(largest, max(size * RADIUS_PER_SIZE, SMALLEST_RADIUS)) if size > 0 else largest


def dot_radii(largest: float, points: NDArray[np.float32]) -> list[float]:
    """Return the radius of each of P dots, pixels: `largest`, smaller where points (P, 2) crowd."""
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    gaps[gaps < 1] = np.inf  # the point itself, and points on the same pixel
    wanted: list[float] = (gaps.min(axis=1) * RADIUS_PER_GAP).clip(min(SMALLEST_RADIUS, largest), largest).tolist()
    return wanted


def _visible_points(keypoints: NDArray[np.float32], kpt_conf: float) -> NDArray[np.bool_]:
    """Return (..., K) bool: which points are drawn; never those that are not finite.

    (..., K, 3) x y confidence are drawn from confidence `kpt_conf` on, and above 0; (..., K, 2) x y unless at (0, 0).
    """
    finite = np.isfinite(keypoints).all(axis=-1)
    if keypoints.shape[-1] == 3:
        chosen: NDArray[np.bool_] = finite & (keypoints[..., 2] >= kpt_conf) & (keypoints[..., 2] > 0)
    else:
        chosen = finite & np.any(keypoints != 0, axis=-1)
    return chosen


def _draw_pose(
    picture: Picture,
    points: NDArray[np.float32],
    visible: NDArray[np.bool_],
    limbs: Sequence[ColoredLimb],
    point_colors: Sequence[Color],
    radius: float,
) -> None:
    """Draw the limbs, where both ends are visible, and over them the dots of one object in place.

    Points are (K, 2) x, y and visible (K,); the radius is that of dots on a large object.
    """
    if not visible.any():
        return
    radius = limb_radius(radius, points[visible])
    fixed = _fixed_point(points)
    thickness = max(round(radius * 0.8), 1)
    drawn = [
        (fixed[a], fixed[b], color)
        for (a, b), color in limbs
        if visible[a] and visible[b] and min(*points[a], *points[b]) >= 0
    ]
    for start, end, _ in drawn:
        cv2.line(picture, start, end, OUTLINE, thickness + min(thickness, 2), cv2.LINE_AA, _SHIFT)
    for start, end, color in drawn:
        cv2.line(picture, start, end, color, thickness, cv2.LINE_AA, _SHIFT)
    for i, dot in zip(np.flatnonzero(visible).tolist(), dot_radii(radius, points[visible]), strict=True):
        rim = max(dot * 0.28, 0.8)
        cv2.circle(picture, fixed[i], round((dot + rim) * 2**_SHIFT), OUTLINE, -1, cv2.LINE_AA, _SHIFT)
        cv2.circle(picture, fixed[i], round(dot * 2**_SHIFT), point_colors[i], -1, cv2.LINE_AA, _SHIFT)


def _fixed_point(points: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the points in OpenCV's fixed-point numbers; those that are not finite become 0 and are not drawn."""
    near = np.clip(np.nan_to_num(points, posinf=0, neginf=0), -FARTHEST, FARTHEST)
    return [(x, y) for x, y in (near * 2**_SHIFT).round().astype(int).tolist()]


def draw_scene(picture: Picture, scene: Scene, options: DrawOptions) -> Picture:
    """Return a copy of the picture (H, W, 3) uint8 BGR with the scene drawn on it.

    The switches of the options were applied when the scene was made; here they give sizes, colours and text.
    """
    picture = np.array(picture, order="C")
    height, width = picture.shape[:2]
    line_width = max(round(options.line_width or line_width_for(height, width)), 1)
    colors = list(scene.colors or map(color_of, scene.color_numbers.tolist()))
    if scene.masks is not None:
        _tint_masks(picture, scene.masks, colors, max(line_width // 2, 1))
    boxes = None if scene.boxes is None else np.nan_to_num(scene.boxes).clip(-FARTHEST, FARTHEST)
    if boxes is not None:
        _draw_boxes(picture, boxes, colors, scene.dashed, line_width)
    if scene.keypoints is not None:
        _draw_poses(picture, scene, colors, options)
    if boxes is not None and scene.labels:
        written = [i for i, label in enumerate(scene.labels) if label]
        draw_labels(
            picture,
            boxes[written],
            [scene.labels[i] for i in written],
            [colors[i] for i in written],
            font=options.font,
            font_sizes=_font_sizes(boxes[written], options, height, width),
            txt_color=options.txt_color,
            line_width=line_width,
        )
    return picture


def _draw_boxes(
    picture: Picture,
    boxes: NDArray[np.float32],
    colors: list[Color],
    dashed: NDArray[np.bool_] | None,
    line_width: int,
) -> None:
    corners = boxes.round().astype(int).tolist()
    for i in range(len(corners) - 1, -1, -1):
        x1, y1, x2, y2 = corners[i]
        if dashed is not None:
            cv2.rectangle(picture, (x1, y1), (x2, y2), OUTLINE, line_width + 2)
        if dashed is None or not dashed[i]:
            cv2.rectangle(picture, (x1, y1), (x2, y2), colors[i], line_width)
            continue
        turns = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        for start, end in zip(turns, (*turns[1:], turns[0]), strict=True):
            draw_dashes(picture, start, end, colors[i], line_width)


def draw_dashes(picture: Picture, start: tuple[int, int], end: tuple[int, int], color: Color, width: int) -> None:
    """Draw dashes of four line widths in place; only where the picture is, as a box may reach far outside."""
    height, wide = picture.shape[:2]
    frame = (-width, -width, wide + 2 * width, height + 2 * width)
    inside, near, far = cv2.clipLine(frame, start, end)
    if not inside:
        return
    first, last = np.array(near, float), np.array(far, float)
    length = max(float(np.hypot(*(last - first))), 1.0)
    for at in np.arange(0, length, 7 * width):
        a, b = (first + (last - first) * min(part / length, 1) for part in (at, at + 4 * width))
        cv2.line(picture, a.round().astype(int).tolist(), b.round().astype(int).tolist(), color, width)


def _draw_poses(picture: Picture, scene: Scene, colors: list[Color], options: DrawOptions) -> None:
    keypoints = scene.keypoints
    if keypoints is None or not len(keypoints):
        return
    schema = scene.schema or KeypointSchema(shape=(keypoints.shape[1], keypoints.shape[2]))
    palette = pose_colors(schema)
    visible = _visible_points(keypoints, options.kpt_conf)
    radius = picture_radius(options.kpt_radius, *picture.shape[:2])
    for i in range(len(keypoints) - 1, -1, -1):
        one_color = scene.one_color_poses or scene.colors is not None
        limb_colors = (colors[i],) * len(schema.skeleton) if one_color else palette.limbs
        limbs = list(zip(schema.skeleton, limb_colors, strict=True)) if options.kpt_line else []
        point_colors = palette.points if scene.colors is None else (colors[i],) * schema.count
        _draw_pose(picture, keypoints[i, :, :2], visible[i], limbs, point_colors, radius)


def _font_sizes(boxes: NDArray[np.float32], options: DrawOptions, height: int, width: int) -> list[int]:
    """Return the height of each label: the one asked for, else by the sizes of picture and box."""
    if options.font_size is not None:
        return [max(round(options.font_size), 1)] * len(boxes)
    return object_font_sizes(font_size_for(height, width), boxes)
