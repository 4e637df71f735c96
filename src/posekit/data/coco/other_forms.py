"""Says what a JSON file is that is not COCO ground truth, and what to do with it."""

from typing import Any

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
