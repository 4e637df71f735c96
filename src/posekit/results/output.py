"""`Results` in other forms: rows, tables, label files, crops, drawings, containers of `supervision`."""

import csv
import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import MissingExtraError, ShapeError
from posekit.files.pictures import write_picture
from posekit.files.writing import free_name, safe_name
from posekit.results.parts import Boxes, Keypoints, as_numpy, bgr_pixels
from posekit.sample import Floats, Picture
from posekit.schema.schema import KeypointSchema

if TYPE_CHECKING:
    from posekit.results.results import Results
    from posekit.viz.draw import DrawOptions, Scene


Row = dict[str, Any]

SMALLEST_POLYGON = 3  # an outline needs this many points to enclose anything

# How a box is enlarged before it is cut out: a factor on its sides, then pixels added to them.
CROP_GAIN = 1.02
CROP_MARGIN_PIXELS = 10


def summary_rows(results: "Results", *, normalize: bool, decimals: int) -> list[Row]:
    """Return one dictionary per detection; the keys and their order are those of `Results.summary`."""
    boxes, masks, keypoints = results.boxes, results.masks, results.keypoints
    if boxes is None:
        return []
    corners = as_numpy(boxes.xyxyn if normalize else boxes.xyxy).tolist()
    confidences, classes = as_numpy(boxes.conf).tolist(), as_numpy(boxes.cls).tolist()
    ids = None if boxes.id is None else as_numpy(boxes.id).tolist()
    points = None if keypoints is None else _normalised(keypoints) if normalize else as_numpy(keypoints.data)
    rows = []
    for i, number in enumerate(map(int, classes)):
        row: Row = {"name": results.names[number], "class": number, "confidence": round(confidences[i], decimals)}
        row["box"] = {
            key: round(value, decimals) for key, value in zip(("x1", "y1", "x2", "y2"), corners[i], strict=True)
        }
        if ids is not None:
            row["track_id"] = int(ids[i])
        if masks is not None:
            row["segments"] = _columns((masks.xyn if normalize else masks.xy)[i], decimals)
        if points is not None:
            row["keypoints"] = _columns(points[i], decimals)
        rows.append(row)
    return rows


def rows_to_json(rows: list[Row]) -> str:
    """Return the rows as one JSON array without spaces."""
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False)


def rows_to_csv(rows: list[Row]) -> str:
    """Return a header line and one line per row; nested fields hold their text. No rows give no text."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def rows_to_frame(rows: list[Row]) -> Any:
    """Return a polars data frame, or a pandas one where polars is not installed.

    Raises:
        MissingExtraError: neither package is installed.
    """
    if find_spec("polars") is not None:
        import polars

        return polars.DataFrame(rows)
    if find_spec("pandas") is not None:
        import pandas

        return pandas.DataFrame(rows)
    raise MissingExtraError("Data frames", "polars", 'polars (or pandas, by "posekit[pandas]")')


def _columns(points: NDArray[np.float32], decimals: int) -> dict[str, list[float]]:
    """Return (P, 2) points, or (P, 3) points with confidence, as lists of rounded numbers."""
    keys = ("x", "y", "visible")[: points.shape[1]]
    return {
        key: [round(value, decimals) for value in column] for key, column in zip(keys, points.T.tolist(), strict=True)
    }


def _normalised(keypoints: Keypoints) -> NDArray[np.float32]:
    """Return (N, K, 2 or 3) keypoints, x and y divided by the picture's width and height."""
    values: NDArray[np.float32] = as_numpy(keypoints.data).copy()
    values[..., :2] = as_numpy(keypoints.xyn)
    return values


def label_rows(results: "Results", *, save_conf: bool = False) -> list[str]:
    """Return one row per detection, coordinates normalised to the original picture.

    A row is the class, then the box (centre and size), or the outline when there are masks, then the
    keypoints, the confidence when asked for, and the track id when tracked. Detections whose outline
    has fewer than three points have no row; with keypoints, they have one with their box.
    """
    boxes, keypoints = results.boxes, results.keypoints
    if boxes is None or not len(boxes):
        return []
    classes, confidences = as_numpy(boxes.cls).tolist(), as_numpy(boxes.conf).tolist()
    ids = None if boxes.id is None else as_numpy(boxes.id).tolist()
    points = None if keypoints is None else _normalised(keypoints).reshape(len(boxes), -1).tolist()
    shapes = as_numpy(boxes.xywhn).tolist()
    if results.masks is not None:
        without = shapes if keypoints is not None else [[]] * len(boxes)
        outlines = zip(results.masks.xyn, without, strict=True)
        shapes = [line.ravel().tolist() if len(line) >= SMALLEST_POLYGON else other for line, other in outlines]
    rows = []
    for i, shape in enumerate(shapes):
        if not shape:
            continue
        values = [int(classes[i]), *shape]
        if points is not None:
            values += points[i]
        if save_conf:
            values.append(confidences[i])
        if ids is not None:
            values.append(int(ids[i]))
        rows.append(" ".join(f"{value:g}" for value in values))
    return rows


def save_crops(results: "Results", folder: str | Path, stem: str) -> list[str]:
    """Write ``<folder>/<class name>/<stem>.jpg`` for every box and return the paths; taken names get ``-2``, ...

    Boxes wholly outside the picture are left out.
    """
    picture, boxes = bgr_pixels(results.orig_img), results.boxes
    if boxes is None:
        return []
    written = []
    for number, (x1, y1, x2, y2) in zip(as_numpy(boxes.cls).tolist(), _crop_corners(boxes).tolist(), strict=True):
        crop = picture[y1:y2, x1:x2]
        if crop.size:
            place = Path(folder) / safe_name(results.names[int(number)])
            name = free_name(stem, lambda free: (place / f"{free}.jpg").exists())  # noqa: B023 - called at once
            written.append(write_picture(place / f"{name}.jpg", np.ascontiguousarray(crop)))
    return written


def _crop_corners(boxes: Boxes) -> NDArray[np.int64]:
    """Return (N, 4) whole corners of the enlarged boxes, clipped to the picture."""
    centre, size = np.split(as_numpy(boxes.xywh), 2, axis=1)
    half = (size * CROP_GAIN + CROP_MARGIN_PIXELS) / 2
    height, width = boxes.orig_shape
    corners = np.concatenate([centre - half, centre + half], axis=1).astype(np.int64)
    return np.clip(corners, 0, [width, height, width, height])


def draw_results(results: "Results", options: "DrawOptions", canvas: Picture | None = None) -> Picture:
    """Return the result's picture, or a copy of `canvas`, with the detections drawn on it.

    Args:
        results: what was found.
        options: what to draw, and how.
        canvas: (H, W, 3) uint8 BGR of the same size as the result's picture.

    Raises:
        ShapeError: `canvas` has another size.
    """
    from posekit.viz.draw import draw_scene

    picture = bgr_pixels(results.orig_img if canvas is None else canvas)
    if picture.shape != (*results.orig_shape, 3):
        height, width = results.orig_shape
        raise ShapeError(
            f"a picture of shape {picture.shape} to draw on: the detections are for ({height}, {width}, 3), BGR"
        )
    return draw_scene(picture, scene_of(results, options), options)


def scene_of(results: "Results", options: "DrawOptions") -> "Scene":
    """Collect what the options ask for. Without a schema, 17 points are taken for COCO's person.

    Raises:
        ShapeError: the schema is for another number of points.
    """
    from posekit.viz.draw import Scene

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


def results_to_detections(results: "Results", conf: float) -> Any:
    """Return `sv.Detections`; keypoints travel as per-row data, so filters and trackers keep them.

    ``data["keypoints"]`` is (N, K, 3) float32 x, y in pixels and 2 where the confidence reaches `conf`,
    else 0; ``data["keypoints_confidence"]`` is (N, K) float32, left out where the model gives none.
    """
    import supervision as sv

    detections = sv.Detections.from_ultralytics(results)
    if results.keypoints is not None:
        visible = _drawable_points(results.keypoints, conf)[..., None].astype(np.float32) * 2
        detections.data["keypoints"] = np.concatenate([as_numpy(results.keypoints.xy), visible], axis=2)
        if results.keypoints.conf is not None:
            detections.data["keypoints_confidence"] = as_numpy(results.keypoints.conf)
    return detections


def results_to_keypoints(results: "Results", conf: float) -> Any:
    """Return `sv.KeyPoints` with ``visible`` set where the confidence reaches `conf`."""
    import supervision as sv

    if results.keypoints is None:
        return sv.KeyPoints.empty()
    keypoints = sv.KeyPoints.from_ultralytics(results)
    if not keypoints.is_empty():
        keypoints.visible = _drawable_points(results.keypoints, conf)
    return keypoints


def _drawable_points(keypoints: Keypoints, conf: float) -> NDArray[np.bool_]:
    """Return (N, K) bool: confidence reaches `conf`, or, without confidences, the point is not at (0, 0)."""
    if keypoints.conf is None:
        drawable: NDArray[np.bool_] = np.any(as_numpy(keypoints.xy) != 0, axis=2)
    else:
        drawable = as_numpy(keypoints.conf) >= conf
    return drawable


def detections_to_arrays(detections: Any) -> tuple[Floats, Floats | None, NDArray[np.uint8] | None]:
    """Return boxes (N, 6 or 7), keypoints (N, K, 3) or None, and masks (N, H, W) or None of `sv.Detections`.

    Missing confidences count as 1 and missing classes as 0. Track ids are taken over when every row has one.
    """
    count = len(detections)
    boxes = _box_rows(
        detections.xyxy,
        np.ones(count) if detections.confidence is None else detections.confidence,
        np.zeros(count) if detections.class_id is None else detections.class_id,
    )
    ids = detections.tracker_id
    if ids is not None and np.all(np.asarray(ids) >= 0):
        boxes = np.insert(boxes, 4, ids, axis=1)
    keypoints = detections.data.get("keypoints")
    if keypoints is not None:
        confidence = detections.data.get("keypoints_confidence", (keypoints[..., 2] > 0).astype(np.float32))
        keypoints = np.concatenate([keypoints[..., :2], confidence[..., None]], axis=2).astype(np.float32)
    masks = None if detections.mask is None else detections.mask.astype(np.uint8)
    return boxes, keypoints, masks


def keypoints_to_arrays(keypoints: Any) -> tuple[Floats, Floats]:
    """Return boxes (N, 6) around the points, and keypoints (N, K, 2 or 3), of `sv.KeyPoints`.

    Points at (0, 0), not finite or not visible do not count for the boxes; an object without any other
    point has an empty box at (0, 0). Missing detection confidences are the mean of the points', or 1.
    """
    xy = np.asarray(keypoints.xy, np.float32)
    points = xy
    if keypoints.keypoint_confidence is not None:
        points = np.concatenate([xy, np.asarray(keypoints.keypoint_confidence, np.float32)[..., None]], axis=2)
    counted = np.isfinite(xy).all(axis=2) & np.any(xy != 0, axis=2)
    if keypoints.visible is not None:
        counted &= keypoints.visible
    classes = np.zeros(len(xy)) if keypoints.class_id is None else keypoints.class_id
    return _box_rows(_boxes_around(xy, counted), _detection_confidence(keypoints), classes), points


def _detection_confidence(keypoints: Any) -> NDArray[Any]:
    confidence = keypoints.detection_confidence
    if confidence is None and keypoints.keypoint_confidence is not None:
        confidence = np.mean(keypoints.keypoint_confidence, axis=1)
    return np.ones(len(keypoints.xy)) if confidence is None else np.asarray(confidence)


def _boxes_around(xy: Floats, counted: NDArray[np.bool_]) -> Floats:
    boxes = np.zeros((len(xy), 4), np.float32)
    for box, points, chosen in zip(boxes, xy, counted, strict=True):
        if chosen.any():
            box[:2], box[2:] = points[chosen].min(axis=0), points[chosen].max(axis=0)
    return boxes


def _box_rows(xyxy: NDArray[Any], confidence: NDArray[Any], classes: NDArray[Any]) -> Floats:
    return np.column_stack([xyxy, confidence, classes]).astype(np.float32)
