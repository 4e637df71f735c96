"""From `Results` to a drawing."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.results.parts import Boxes, as_numpy, bgr_pixels
from posekit.sample import Picture
from posekit.schema.schema import KeypointSchema
from posekit.viz.draw import DrawOptions, Scene, draw_scene

if TYPE_CHECKING:
    from posekit.results.results import Results


def draw_results(results: "Results", options: DrawOptions, canvas: Picture | None = None) -> Picture:
    """Return the result's picture, or a copy of `canvas`, with the detections drawn on it.

    Args:
        results: what was found.
        options: what to draw, and how.
        canvas: (H, W, 3) uint8 BGR of the same size as the result's picture.

    Raises:
        ShapeError: `canvas` has another size.
    """
    picture = bgr_pixels(results.orig_img if canvas is None else canvas)
    if picture.shape != (*results.orig_shape, 3):
        height, width = results.orig_shape
        raise ShapeError(
            f"a picture of shape {picture.shape} to draw on: the detections are for ({height}, {width}, 3), BGR"
        )
    return draw_scene(picture, scene_of(results, options), options)


def scene_of(results: "Results", options: DrawOptions) -> Scene:
    """Collect what the options ask for. Without a schema, 17 points are taken for COCO's person.

    Raises:
        ShapeError: the schema is for another number of points.
    """
    boxes, keypoints, masks = results.boxes, results.keypoints, results.masks
    with_boxes = boxes is not None and options.boxes
    schema = results.schema
    if keypoints is not None:
        _, points, dims = keypoints.shape
        schema = schema or KeypointSchema.for_shape((points, dims))
        if schema.count != points:
            raise ShapeError(f"keypoints have {points} points per object, but their schema names {schema.count}")
    return Scene(
        color_numbers=_color_numbers(boxes, len(results), options.color_mode),
        boxes=as_numpy(boxes.xyxy) if boxes is not None and with_boxes else None,
        labels=box_labels(results, with_conf=options.conf) if with_boxes and options.labels else [],
        masks=as_numpy(masks.data) if masks is not None and options.masks else None,
        keypoints=None if keypoints is None else as_numpy(keypoints.data),
        schema=schema,
        one_color_poses=options.color_mode == "instance",
    )


def box_labels(results: "Results", *, with_conf: bool) -> list[str]:
    """Return ``name 0.87`` for each detection, ``id:3 name 0.87`` when tracked."""
    if results.boxes is None:
        return []
    rows = as_numpy(results.boxes.data)
    labels = [results.names[int(number)] for number in rows[:, -1]]
    if results.boxes.is_track:
        labels = [f"id:{int(number)} {label}" for number, label in zip(rows[:, 4], labels, strict=True)]
    if with_conf:
        labels = [f"{label} {conf:.2f}" for label, conf in zip(labels, rows[:, -2], strict=True)]
    return labels


def _color_numbers(boxes: Boxes | None, count: int, color_mode: str) -> NDArray[np.int64]:
    """Return the class of each detection, or its track id or position for colours by instance."""
    if boxes is None or (color_mode == "instance" and not boxes.is_track):
        numbers = np.arange(count)
    else:
        numbers = as_numpy(boxes.data)[:, 4 if color_mode == "instance" else -1]
    return numbers.astype(np.int64)
