"""What results write: tables of plain rows, label files and crops."""

import csv
import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import MissingExtraError
from posekit.files.pictures import write_picture
from posekit.files.writing import free_name, safe_name
from posekit.results.parts import Boxes, Keypoints, as_numpy, bgr_pixels

if TYPE_CHECKING:
    from posekit.results.results import Results

Row = dict[str, Any]


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


SMALLEST_POLYGON = 3  # an outline needs this many points to enclose anything


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


# How a box is enlarged before it is cut out: a factor on its sides, then pixels added to them.
CROP_GAIN = 1.02
CROP_MARGIN_PIXELS = 10


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
