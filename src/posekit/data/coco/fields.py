"""Reads a file as COCO JSON, and says of another file what it is instead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import Box, Points
from posekit.errors import DatasetError
from posekit.files.reading import read_json
from posekit.files.values import UnusableValueError, is_number, quote, read_numbers
from posekit.io.decode import MAX_PIXELS

_EXPECTED = "COCO JSON is a dictionary with the lists images, annotations and categories"


# Keys that give a form away -> what the file is; the first match counts.
_LIST_FORMS: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"image_id", "score"}),
        "is a list of detections (what a network found, with scores), not ground truth: name the annotation file "
        "that the detections were scored against",
    ),
    (
        frozenset({"joints", "joints_vis"}),
        "is a list of persons in the form of MPII (joints, joints_vis, center, scale), not COCO JSON: it has neither "
        "boxes nor picture sizes; convert it to COCO JSON first",
    ),
    (
        frozenset({"img_path", "joints"}),
        "is a list of dogs in the form of StanfordExtra: import it as such instead of reading it as COCO JSON",
    ),
    (
        frozenset({"data", "annotations"}),
        "is an export of Label Studio in its own JSON: import it as such, or export as COCO from Label Studio",
    ),
)


_DICT_FORMS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"shapes", "imagePath"}), "is the LabelMe file of one picture: convert the folder to COCO JSON first"),
    (frozenset({"_via_img_metadata"}), "is a project of the VGG Image Annotator: export it as COCO from there"),
    (frozenset({"type", "features"}), "is GeoJSON, which knows no pictures"),
)


def say_form(content: Any) -> str:
    """Return what a JSON file that is not COCO ground truth holds, and what was expected, in one line."""
    if isinstance(content, list):
        return _say_list(content)
    if not isinstance(content, dict):
        return f"holds a single {type(content).__name__}; {_EXPECTED}"
    for keys, text in _DICT_FORMS:
        if keys <= content.keys():
            return text
    return _say_keys(content)


def _say_list(content: list[Any]) -> str:
    entries = [entry for entry in content if isinstance(entry, dict)]
    if not content:
        return f"is an empty list; {_EXPECTED}"
    if not entries:
        return f"is a list of {type(content[0]).__name__}; {_EXPECTED}"
    for keys, text in _LIST_FORMS:
        if keys <= entries[0].keys():
            return text
    return f"is a bare list of dictionaries with the keys {_name(entries[0])}; {_EXPECTED}"


def _say_keys(content: dict[str, Any]) -> str:
    for key in ("images", "annotations"):
        if key in content and not isinstance(content[key], list):
            return f"its {key} are a {type(content[key]).__name__}, not a list; {_EXPECTED}"
    if "images" in content:
        return f"has no annotations: it lists pictures without saying what is on them; {_EXPECTED}"
    if "annotations" in content:
        return f"has annotations, but no images that they belong to; {_EXPECTED}"
    return f"is a dictionary with the keys {_name(content)}; {_EXPECTED}"


def _name(content: dict[str, Any]) -> str:
    keys = [key if len(key) <= 30 else f"{key[:30]}..." for key in list(content)[:6]]
    return ", ".join(keys) + (", ..." if len(content) > len(keys) else "") if keys else "(none)"


def load_coco(path: Path) -> dict[str, Any]:
    """Return the content of a COCO JSON file; nothing within its lists is checked yet.

    Args:
        path: the file.

    Returns:
        A dictionary with the lists ``images`` and ``annotations``, and ``categories``, empty when missing.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it cannot be read, is no JSON, or is JSON of another form.
    """
    content = read_json(path)
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in lists):
        raise DatasetError(f"{path}: {say_form(content)}")
    categories = content.get("categories", [])
    if not isinstance(categories, list):
        raise DatasetError(f"{path}: categories must be a list, one entry per class")
    return content | {"categories": categories}


def read_keypoints(entry: Mapping[str, Any], count: int) -> Points | None:
    """Return the keypoints of an annotation.

    Args:
        entry: the annotation.
        count: K, how many points its category has.

    Returns:
        (K, 3) x, y in pixels, visibility 0, 1 or 2; None when the annotation has none.

    Raises:
        UnusableValueError: the list has another length, or holds something that cannot be.
    """
    field = keypoint_field(entry, count)
    value = entry.get(field)
    if value is None or value == []:
        return None
    points = read_triplets(value, field, count)
    known = (points[:, 2] == 0) | (points[:, 2] == 1) | (points[:, 2] == 2)
    if not known.all():
        wrong = int(np.argmin(known))
        text = (
            f"is visibility {points[wrong, 2]:g} of point {wrong}; it must be 0 (unlabelled), 1 (hidden) or "
            "2 (visible). Predictions have scores there: is this ground truth?"
        )
        raise UnusableValueError(f"{field}[{3 * wrong + 2}]", text, "bad_visibility")
    return points


def read_padded_keypoints(entry: Mapping[str, Any], own: int, count: int) -> Points | None:
    """Return the keypoints of an annotation whose category has perhaps fewer points than others, as `read_keypoints`.

    Args:
        entry: the annotation; it has the points of its category, or all.
        own: how many points its category has.
        count: K, how many points the category with most of them has.

    Returns:
        (K, 3), those that its category does not have unlabelled; None when the annotation has none.

    Raises:
        UnusableValueError: as in `read_keypoints`.
    """
    points = read_keypoints(entry, count if list_length(entry, count) == 3 * count else own)
    if points is None or len(points) == count:
        return points
    return np.concatenate((points, np.zeros((count - len(points), 3))))


def keypoint_field(entry: Mapping[str, Any], count: int) -> str:
    """Return the key that holds `count` points.

    Some sets keep the 17 points of COCO under ``keypoints`` and their own, larger, number under a key that says it:
    ``keypoints_21``.
    """
    own = f"keypoints_{count}"
    return own if isinstance(entry.get(own), list) else "keypoints"


def read_triplets(value: Any, field: str, count: int) -> Points:
    """Return a flat list of `count` times x, y and a third number as an array (count, 3).

    Raises:
        UnusableValueError: it is no list of that many finite numbers.
    """
    if isinstance(value, list) and len(value) != 3 * count:
        text = f"has {len(value)} values, not the {3 * count} of {count} points x, y, visibility"
        raise UnusableValueError(field, text, "wrong_keypoint_count")
    return read_numbers(value, field, "bad_keypoints").reshape(count, 3)


def list_length(entry: Any, count: int) -> int | None:
    """Return how many values the keypoint list of an annotation has; None without a list, or an empty one."""
    value = entry.get(keypoint_field(entry, count)) if isinstance(entry, dict) else None
    return len(value) if isinstance(value, list) and value else None


def read_box(value: Any) -> Box | None:
    """Return the corners x1, y1, x2, y2 of a box x, y, width, height in pixels; None for null and [].

    Raises:
        UnusableValueError: it is no list of four finite numbers, or has no area.
    """
    if value is None or value == []:
        return None
    numbers = read_numbers(value, "bbox", "bad_box")
    if len(numbers) != 4:
        text = f"has {len(numbers)} numbers, not the 4 of x, y, width, height"
        raise UnusableValueError("bbox", text, "bad_box")
    x, y, width, height = numbers.tolist()
    if width <= 0 or height <= 0:
        text = f"has width {quote(width)} and height {quote(height)}: both must be above 0"
        raise UnusableValueError("bbox", text, "empty_box")
    return x, y, x + width, y + height


# With fewer than three points there is no area.
_FEWEST_NUMBERS = 6


def read_parts(value: Any, size: tuple[int, int]) -> tuple[Points, ...]:
    """Return the outlines of an object's visible parts.

    Args:
        value: the entry: polygons, an RLE mask, or null.
        size: (h, w) of the picture.

    Returns:
        Outlines (P, 2) in pixels. Polygons of fewer than 6 or of an odd number of values are left out, as the
        conversion of COCO to YOLO labels does. Of masks these are the outer contours, through pixel centres.

    Raises:
        UnusableValueError: the entry is malformed.
    """
    if value is None:
        return ()
    if isinstance(value, dict):
        return _outlines(_decode(value, size)) if value else ()
    if not isinstance(value, list):
        raise UnusableValueError("segmentation", f"is {quote(value)}, not polygons or an RLE mask", "bad_segmentation")
    if value and is_number(value[0]):
        value = [value]  # some programs write a single polygon without the list around it
    parts = [read_numbers(part, f"segmentation[{i}]", "bad_segmentation") for i, part in enumerate(value)]
    usable = (part for part in parts if len(part) >= _FEWEST_NUMBERS and len(part) % 2 == 0)
    return tuple(part.reshape(-1, 2) for part in usable)


def _decode(rle: Mapping[str, Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask (h, w) of a compressed or uncompressed RLE."""
    from hotcoco import mask

    if rle.get("size") != list(size):
        text = f"is {quote_list(rle.get('size'))}, but the picture has {list(size)} (height, width)"
        raise UnusableValueError("segmentation.size", text, "bad_rle")
    if size[0] * size[1] > MAX_PIXELS:
        text = f"is a mask of {size[1]} x {size[0]} pixels; {MAX_PIXELS:,} are the most that posekit reads"
        raise UnusableValueError("segmentation.size", text, "bad_rle")
    try:
        decoded: NDArray[np.uint8] = mask.decode({"size": list(size), "counts": rle.get("counts")})
    except (ValueError, TypeError, OverflowError) as error:
        raise UnusableValueError("segmentation.counts", f"cannot be decoded ({error})", "bad_rle") from error
    return decoded


def quote_list(value: Any) -> str:
    """Return a short list as it stands, anything else as `quote` shows it."""
    short = isinstance(value, list) and len(value) <= 4 and all(map(is_number, value))
    return str(value) if short else quote(value)


def _outlines(mask: NDArray[np.uint8]) -> tuple[Points, ...]:
    found, _ = cv2.findContours(np.ascontiguousarray(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    contours = (np.asarray(contour, np.float64).reshape(-1, 2) for contour in found)
    return tuple(contour for contour in contours if 2 * len(contour) >= _FEWEST_NUMBERS)
