"""Reads a file as COCO JSON, and says of another file what it is instead."""

from pathlib import Path
from typing import Any

from posekit.data.coco.other_forms import say_form
from posekit.errors import DatasetError
from posekit.files.json_file import load_json


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
    content = load_json(path)
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in lists):
        raise DatasetError(f"{path}: {say_form(content)}")
    categories = content.get("categories", [])
    if not isinstance(categories, list):
        raise DatasetError(f"{path}: categories must be a list, one entry per class")
    return content | {"categories": categories}
