"""Fields of a COCO JSON file, checked one by one; of another file, what it is instead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import Box, Points
from posekit.errors import DatasetError
from posekit.files.reading import read_json
from posekit.files.values import UnusableValueError, is_number, quote, read_key, read_numbers
from posekit.io.decode import MAX_PIXELS
from posekit.ops.polygons import outer_contours

Key = int | str  # id of a picture or category

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

_FEWEST_NUMBERS = 6  # with fewer than three points there is no area


def _say_form(content: Any) -> str:
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
    """Return the content of a COCO JSON file: a dictionary with the lists ``images``, ``annotations``, ``categories``.

    Nothing within the lists is checked yet; ``categories`` is empty when missing.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it cannot be read, is no JSON, or is JSON of another form.
    """
    content = read_json(path)
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in lists):
        raise DatasetError(f"{path}: {_say_form(content)}")
    categories = content.get("categories", [])
    if not isinstance(categories, list):
        raise DatasetError(f"{path}: categories must be a list, one entry per class")
    return content | {"categories": categories}


def read_keypoints(entry: Mapping[str, Any], count: int) -> Points | None:
    """Return the K keypoints (K, 3) of an annotation: x, y in pixels, visibility 0, 1 or 2; None when it has none."""
    field = _keypoint_field(entry, count)
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
    """Return the same for an annotation whose category has only the first `own` of K points; the others unlabelled.

    It may list its own points, or all.
    """
    points = read_keypoints(entry, count if list_length(entry, count) == 3 * count else own)
    if points is None or len(points) == count:
        return points
    return np.concatenate((points, np.zeros((count - len(points), 3))))


def _keypoint_field(entry: Mapping[str, Any], count: int) -> str:
    """Return the key that holds `count` points.

    Some sets keep the 17 points of COCO under ``keypoints`` and their own, larger, number under a key that says it:
    ``keypoints_21``.
    """
    own = f"keypoints_{count}"
    return own if isinstance(entry.get(own), list) else "keypoints"


def read_triplets(value: Any, field: str, count: int) -> Points:
    """Return a flat list of `count` times x, y and a third number as an array (count, 3)."""
    if isinstance(value, list) and len(value) != 3 * count:
        text = f"has {len(value)} values, not the {3 * count} of {count} points x, y, visibility"
        raise UnusableValueError(field, text, "wrong_keypoint_count")
    return read_numbers(value, field, "bad_keypoints").reshape(count, 3)


def list_length(entry: Any, count: int) -> int | None:
    """Return how many values the keypoint list of an annotation has; None without a list, or an empty one."""
    value = entry.get(_keypoint_field(entry, count)) if isinstance(entry, dict) else None
    return len(value) if isinstance(value, list) and value else None


def key_of(value: Any) -> Key | None:
    """Return an id, a whole number or text; None for anything else."""
    try:
        return read_key(value, "id", "")
    except UnusableValueError:
        return None


def read_side(entry: Mapping[str, Any], key: str) -> int:
    """Return the height or width of a picture in pixels."""
    side = entry.get(key)
    if not is_number(side) or side < 1 or side != int(side):
        raise UnusableValueError(key, f"is {quote(side)}, not a number of pixels of at least 1", "bad_size")
    return int(side)


def read_box(value: Any) -> Box | None:
    """Return the corners x1, y1, x2, y2 of a box x, y, width, height in pixels; None for null and []."""
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


def read_parts(value: Any, size: tuple[int, int]) -> tuple[Points, ...]:
    """Return the outlines of an object's visible parts.

    Args:
        value: the entry: polygons, an RLE mask, or null.
        size: (h, w) of the picture.

    Returns:
        Outlines (P, 2) in pixels. Polygons of fewer than 6 or of an odd number of values are left out, as the
        conversion of COCO to YOLO labels does. Of masks these are the outer contours, through pixel centres.
    """
    if value is None:
        return ()
    if isinstance(value, dict):
        return outer_contours(_decode(value, size)) if value else ()
    if not isinstance(value, list):
        raise UnusableValueError("segmentation", f"is {quote(value)}, not polygons or an RLE mask", "bad_segmentation")
    parts = [read_numbers(part, f"segmentation[{i}]", "bad_segmentation") for i, part in enumerate(as_polygons(value))]
    usable = (part for part in parts if len(part) >= _FEWEST_NUMBERS and len(part) % 2 == 0)
    return tuple(part.reshape(-1, 2) for part in usable)


def as_polygons(value: list[Any]) -> list[Any]:
    """Return a list of polygons; some programs write a single one without the list around it."""
    return [value] if value and (is_number(value[0]) or isinstance(value[0], np.floating)) else value


def _decode(rle: Mapping[str, Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask (h, w) of a compressed or uncompressed RLE."""
    from hotcoco import mask

    if rle.get("size") != list(size):
        text = f"is {quote(rle.get('size'))}, but the picture has {list(size)} (height, width)"
        raise UnusableValueError("segmentation.size", text, "bad_rle")
    if size[0] * size[1] > MAX_PIXELS:
        text = f"is a mask of {size[1]} x {size[0]} pixels; {MAX_PIXELS:,} are the most that posekit reads"
        raise UnusableValueError("segmentation.size", text, "bad_rle")
    try:
        decoded: NDArray[np.uint8] = mask.decode({"size": list(size), "counts": rle.get("counts")})
    except (ValueError, TypeError, OverflowError) as error:
        raise UnusableValueError("segmentation.counts", f"cannot be decoded ({error})", "bad_rle") from error
    return decoded
