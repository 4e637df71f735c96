"""Results as rows of label text, the format that `save_txt` writes."""

from collections.abc import Iterator
from pathlib import Path

from posekit.results.base import as_numpy
from posekit.results.boxes import Boxes
from posekit.results.keypoints import Keypoints
from posekit.results.masks import Masks

# An outline needs this many points to enclose anything.
SMALLEST_POLYGON = 3


def label_rows(
    boxes: Boxes | None, masks: Masks | None, keypoints: Keypoints | None, *, save_conf: bool = False
) -> list[str]:
    """Return one row per detection, coordinates normalised to the original picture.

    A row is the class, then the box (centre and size), or the outline when there are masks, then the
    keypoints, the confidence when asked for, and the track id when tracked. Detections whose outline
    has fewer than three points have no row; with keypoints, they have one with their box.
    """
    if boxes is None or not len(boxes):
        return []
    classes, confidences = as_numpy(boxes.cls).tolist(), as_numpy(boxes.conf).tolist()
    ids = None if boxes.id is None else as_numpy(boxes.id).tolist()
    points = None if keypoints is None else _normalised_points(keypoints)
    rows = []
    for i, shape in enumerate(_shapes(boxes, masks, with_points=points is not None)):
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


def append_rows(path: str | Path, rows: list[str]) -> str:
    """Append rows to a text file and return its path; without rows nothing is created."""
    path = Path(path)
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(row + "\n" for row in rows)
    return str(path)


def _shapes(boxes: Boxes, masks: Masks | None, *, with_points: bool) -> Iterator[list[float]]:
    """Yield for each detection its flat normalised box, or its flat normalised outline.

    One without an outline has nothing, or with `with_points` its box.
    """
    rows: list[list[float]] = as_numpy(boxes.xywhn).tolist()
    if masks is None:
        yield from rows
        return
    for box, outline in zip(rows, masks.xyn, strict=True):
        if len(outline) >= SMALLEST_POLYGON:
            yield outline.ravel().tolist()
        else:
            yield box if with_points else []


def _normalised_points(keypoints: Keypoints) -> list[list[float]]:
    """Return for each object its points as one flat list x y [confidence] x y [confidence] ..."""
    values = as_numpy(keypoints.data).copy()
    values[..., :2] = as_numpy(keypoints.xyn)
    rows: list[list[float]] = values.reshape(len(values), -1).tolist()
    return rows
