"""Results as tables: plain rows, and those rows as CSV, JSON or a data frame."""

import csv
import io
import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import MissingExtraError
from posekit.results.base import as_numpy
from posekit.results.boxes import Boxes
from posekit.results.keypoints import Keypoints
from posekit.results.masks import Masks

Row = dict[str, Any]


def summary_rows(
    boxes: Boxes | None,
    masks: Masks | None,
    keypoints: Keypoints | None,
    names: Mapping[int, str],
    *,
    normalize: bool = False,
    decimals: int = 5,
) -> list[Row]:
    """Return one dictionary per detection; the keys and their order are those of `Results.summary`."""
    if boxes is None:
        return []
    corners = as_numpy(boxes.xyxyn if normalize else boxes.xyxy).tolist()
    confidences, classes = as_numpy(boxes.conf).tolist(), as_numpy(boxes.cls).tolist()
    ids = None if boxes.id is None else as_numpy(boxes.id).tolist()
    rows = []
    for i, number in enumerate(map(int, classes)):
        row: Row = {"name": names[number], "class": number, "confidence": round(confidences[i], decimals)}
        row["box"] = {
            key: round(value, decimals) for key, value in zip(("x1", "y1", "x2", "y2"), corners[i], strict=True)
        }
        if ids is not None:
            row["track_id"] = int(ids[i])
        if masks is not None:
            row["segments"] = _columns((masks.xyn if normalize else masks.xy)[i], decimals)
        if keypoints is not None:
            row["keypoints"] = _keypoint_columns(keypoints, i, normalize, decimals)
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


def _keypoint_columns(keypoints: Keypoints, i: int, normalize: bool, decimals: int) -> dict[str, list[float]]:
    one = keypoints[i]
    points = as_numpy(one.data)[0]
    if normalize:
        points = points.copy()
        points[:, :2] = as_numpy(one.xyn)[0]
    return _columns(points, decimals)
