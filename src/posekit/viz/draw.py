"""Draw a `Scene`: masks, then boxes, then poses, then labels; the best detection on top."""

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.schema import KeypointSchema
from posekit.viz.labels import draw_labels
from posekit.viz.mask_overlay import tint_masks
from posekit.viz.options import DrawOptions
from posekit.viz.palette import color_of
from posekit.viz.pose import draw_pose, visible_points
from posekit.viz.pose_colors import pose_colors
from posekit.viz.scene import Color, Picture, Scene
from posekit.viz.sizes import font_size_for, line_width_for, object_font_sizes, picture_radius

# OpenCV's whole numbers overflow far outside the picture.
FARTHEST = 2**15


def draw_scene(picture: Picture, scene: Scene, options: DrawOptions) -> Picture:
    """Return a copy of the picture with the scene drawn on it.

    Args:
        picture: (H, W, 3) uint8 BGR.
        scene: what to draw.
        options: sizes, colours and text; its switches were applied when the scene was made.
    """
    picture = np.array(picture, order="C")
    height, width = picture.shape[:2]
    line_width = max(round(options.line_width or line_width_for(height, width)), 1)
    colors = [color_of(number) for number in scene.color_numbers.tolist()]
    if scene.masks is not None:
        tint_masks(picture, scene.masks, colors, max(line_width // 2, 1))
    boxes = None if scene.boxes is None else np.nan_to_num(scene.boxes).clip(-FARTHEST, FARTHEST)
    if boxes is not None:
        _draw_boxes(picture, boxes, colors, line_width)
    if scene.keypoints is not None:
        _draw_poses(picture, scene, colors, options)
    if boxes is not None and scene.labels:
        draw_labels(
            picture,
            boxes,
            scene.labels,
            colors,
            font=options.font,
            font_sizes=_font_sizes(boxes, options, height, width),
            txt_color=options.txt_color,
            line_width=line_width,
        )
    return picture


def _draw_boxes(picture: Picture, boxes: NDArray[np.float32], colors: list[Color], line_width: int) -> None:
    corners = boxes.round().astype(int).tolist()
    for (x1, y1, x2, y2), color in zip(corners[::-1], colors[::-1], strict=True):
        cv2.rectangle(picture, (x1, y1), (x2, y2), color, line_width)


def _draw_poses(picture: Picture, scene: Scene, colors: list[Color], options: DrawOptions) -> None:
    keypoints = scene.keypoints
    if keypoints is None or not len(keypoints):
        return
    schema = scene.schema or KeypointSchema(shape=(keypoints.shape[1], keypoints.shape[2]))
    palette = pose_colors(schema)
    visible = visible_points(keypoints, options.kpt_conf)
    radius = picture_radius(options.kpt_radius, *picture.shape[:2])
    for i in range(len(keypoints) - 1, -1, -1):
        limb_colors = (colors[i],) * len(schema.skeleton) if scene.one_color_poses else palette.limbs
        limbs = list(zip(schema.skeleton, limb_colors, strict=True)) if options.kpt_line else []
        draw_pose(picture, keypoints[i, :, :2], visible[i], limbs, palette.points, radius)


def _font_sizes(boxes: NDArray[np.float32], options: DrawOptions, height: int, width: int) -> list[int]:
    """Return the height of each label: the one asked for, else by the sizes of picture and box."""
    if options.font_size is not None:
        return [max(round(options.font_size), 1)] * len(boxes)
    return object_font_sizes(font_size_for(height, width), boxes)
