"""Folders and files of COCO JSON without a dataset YAML: the keys that such a YAML would have."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.errors import DatasetError

_SPLIT_FOLDERS = {"train": ("train",), "val": ("valid", "val", "validation"), "test": ("test",)}
_FILE_IN_SPLIT = "_annotations.coco.json"
_SPLIT_WORDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "minival": "val", "test": "test"}
_SPLIT_WORD = re.compile(rf"(?<![a-z])({'|'.join(_SPLIT_WORDS)})(?![a-z])", re.IGNORECASE)

# Files that lie beside the object annotations of COCO, and say nothing of single objects.
_OTHER_ANNOTATIONS = ("captions", "image_info", "panoptic", "stuff")


def coco_file_keys(path: Path) -> dict[str, Any]:
    """Return the keys for one COCO JSON file: it serves as train and as val split."""
    return {"path": str(path.parent), "train": path.name, "val": path.name}


def coco_folder_keys(folder: Path, task: str) -> dict[str, Any] | None:
    """Return the keys for a folder of COCO JSON files; None when it is none.

    Known are ``train/``, ``valid/`` and ``test/`` with a ``_annotations.coco.json`` each, and JSON files in
    ``annotations/`` or in the folder itself, whose names tell the split (``person_keypoints_val2017.json``).

    Args:
        folder: an existing folder.
        task: of several files for a split, ``*keypoints*`` is for "pose" and "multitask", ``*instances*`` for others.

    Raises:
        DatasetError: several files could be the same split.
    """
    splits = _files_in_split_folders(folder) or _files_by_name(folder, task)
    if not splits:
        return None
    return {"path": str(folder)} | {split: str(file.relative_to(folder)) for split, file in splits.items()}


def _files_in_split_folders(folder: Path) -> dict[str, Path]:
    found = {}
    for split, names in _SPLIT_FOLDERS.items():
        file = next((file for name in names if (file := folder / name / _FILE_IN_SPLIT).is_file()), None)
        if file is not None:
            found[split] = file
    return found


def _files_by_name(folder: Path, task: str) -> dict[str, Path]:
    files = sorted((folder / "annotations").glob("*.json")) or sorted(folder.glob("*.json"))
    files = [file for file in files if not file.name.startswith((*_OTHER_ANNOTATIONS, "."))]
    groups: dict[str, list[Path]] = {}
    for file in files:
        if match := _SPLIT_WORD.search(file.stem):
            groups.setdefault(_SPLIT_WORDS[match[1].lower()], []).append(file)
    if groups:
        return {split: _one_of(group, f"the split {split}", task) for split, group in groups.items()}
    return dict.fromkeys(("train", "val"), _one_of(files, "all splits", task)) if files else {}


def _one_of(files: Sequence[Path], use: str, task: str) -> Path:
    kind = "keypoints" if task in TASKS_WITH_KEYPOINTS else "instances"
    fitting = [file for file in files if kind in file.stem] if len(files) > 1 else files
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(file.name for file in (fitting or files)[:10])
    raise DatasetError(
        f"{files[0].parent}: several COCO JSON files could be {use} ({listed}): name one of them as data=FILE, "
        "or write a YAML with a file per split"
    )
