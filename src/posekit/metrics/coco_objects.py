"""Brings one annotation of a COCO file into the form that the evaluator takes; mends what can be mended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.metrics.coco_fields import LARGEST, finite, number_list, shown
from posekit.metrics.similarity import BOX_FILL
from posekit.ops.polygons import polygon_area

Fields = dict[str, Any]
Outline = list[list[float]] | Fields
Note = Callable[[str], None]
Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ObjectForm:
    """What the objects of one category are brought to.

    Attributes:
        points: K, the number of keypoints; 0 without.
        padded: the number that categories with most of them have; objects may list as many, of which the first K count.
        outlines: whether masks will be scored, so that each object needs an outline.
    """

    points: int
    padded: int
    outlines: bool


def clean_object(entry: Mapping[str, Any], form: ObjectForm, note: Note) -> Fields | None:
    """Return bbox, area, iscrowd and, where the form has them, keypoints, num_keypoints and segmentation.

    Args:
        entry: one entry of ``annotations``.
        form: what to return.
        note: called with one sentence for everything that was mended or cannot be used.

    Returns:
        None when nothing says where the object is.
    """
    keypoints = _keypoints(entry.get("keypoints"), form, note)
    box, area = _box(entry.get("bbox"), note), _area(entry.get("area"), note)
    outline = None
    if form.outlines or box is None or area is None:
        outline = _outline(entry.get("segmentation"), note)
    if box is None:
        box = _box_around(keypoints, outline)
    if box is None:
        note("has no usable bbox, and neither points nor an outline to make one from: left out")
        return None
    if area is None:
        area = outline_area(outline) if outline else BOX_FILL * box[2] * box[3]
    cleaned: Fields = {"bbox": box, "area": area, "iscrowd": _crowd(entry.get("iscrowd"), note)}
    if form.points:
        cleaned |= _keypoint_fields(keypoints, form.points, entry.get("num_keypoints"))
    if form.outlines:
        cleaned |= _outline_fields(outline, cleaned, note)
    return cleaned


def outline_area(outline: Outline) -> float:
    """Return the pixels inside an outline: of run lengths exactly, of polygons by the shoelace formula."""
    if isinstance(outline, dict):
        from hotcoco.mask import area

        return float(area(outline))
    return sum(polygon_area(np.array(part).reshape(-1, 2)) for part in outline)


def _box(value: Any, note: Note) -> list[float] | None:
    if value is None:
        return None
    numbers = number_list(value)
    if numbers is None or numbers.shape != (4,) or np.isnan(numbers).any() or (numbers[2:] < 0).any():
        note(f"bbox {shown(value)} is not [x, y, width, height]")
        return None
    return [float(number) for number in numbers]


def _area(value: Any, note: Note) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LARGEST**2:
        return float(value)
    note(f"area {shown(value)} is not a number of pixels")
    return None


def _crowd(value: Any, note: Note) -> int:
    if value is None:
        return 0
    if not isinstance(value, bool | int | float) or value != value:
        note(f"iscrowd {shown(value)} is neither 0 nor 1: taken for 0")
        return 0
    return int(value != 0)


def _keypoints(value: Any, form: ObjectForm, note: Note) -> Points | None:
    """Return (K, 3) x, y, visibility with unusable points unlabelled; None when there are none."""
    count = form.points
    if not count or value is None or value == []:
        return None
    numbers = number_list(value)
    if numbers is None or numbers.shape not in ((3 * count,), (3 * form.padded,)):
        note(f"keypoints are not a flat list of {3 * count} numbers, x, y and visibility {count} times: not used")
        return None
    points = numbers.reshape(-1, 3)[:count]
    if np.isnan(points).any():
        note("keypoints with something else than finite numbers are taken for unlabelled")
        points[np.isnan(points).any(1)] = 0
    return points


def _keypoint_fields(keypoints: Points | None, count: int, stated: Any) -> Fields:
    if keypoints is None:
        return {"keypoints": [0.0] * (3 * count), "num_keypoints": 0}
    number = finite(stated)
    labelled = int(np.count_nonzero(keypoints[:, 2] > 0)) if number is None or number < 0 else int(number)
    return {"keypoints": keypoints.ravel().tolist(), "num_keypoints": labelled}


def _outline(value: Any, note: Note) -> Outline | None:
    if value is None or value == []:
        return None
    if isinstance(value, dict):
        return _run_lengths(value, note)
    parts = [value] if isinstance(value, list) and finite(value[0]) is not None else value
    numbers = [number_list(part) for part in parts] if isinstance(parts, list) else []
    usable = [part.tolist() for part in numbers if part is not None and _is_polygon(part)]
    if len(usable) < max(len(numbers), 1):
        note(f"segmentation has {len(numbers) - len(usable) or 'only'} parts that are no list of three or more x, y")
    return usable or None


def _is_polygon(part: Points) -> bool:
    return part.size >= 6 and part.size % 2 == 0 and not np.isnan(part).any()


def _run_lengths(value: Fields, note: Note) -> Outline | None:
    from hotcoco.mask import area

    run_lengths = {"size": value.get("size"), "counts": value.get("counts")}
    try:
        area(run_lengths)
    except (ValueError, TypeError, OverflowError) as error:
        note(f"segmentation cannot be used: {error}")
        return None
    return run_lengths


def _outline_fields(outline: Outline | None, cleaned: Fields, note: Note) -> Fields:
    """Return the segmentation; an object without one cannot be judged, so its box is ignored as a crowd's is."""
    if outline is not None:
        return {"segmentation": outline, "outlined": True}
    note("has no usable segmentation: masks inside its box are ignored")
    x, y, width, height = cleaned["bbox"]
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {"segmentation": [corners], "outlined": False}


def _box_around(keypoints: Points | None, outline: Outline | None) -> list[float] | None:
    if isinstance(outline, dict):
        from hotcoco.mask import toBbox

        return [float(number) for number in toBbox(outline)]
    if outline:
        corners = np.concatenate([np.array(part).reshape(-1, 2) for part in outline])
    elif keypoints is not None and (keypoints[:, 2] > 0).any():
        corners = keypoints[keypoints[:, 2] > 0, :2]
    else:
        return None
    near, far = corners.min(0), corners.max(0)
    return [*near.tolist(), *(far - near).tolist()]
