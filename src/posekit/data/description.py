"""`DatasetDescription`: what a dataset YAML says, checked and with paths made absolute."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posekit.data.yolo.rows import LAYOUTS
from posekit.errors import DatasetError, DatasetTypeError
from posekit.files.values import quote
from posekit.log import LOGGER
from posekit.schema.schema import KeypointSchema

SPLITS = ("train", "val", "test")

KNOWN_KEYS = (
    "path", "train", "val", "validation", "test", "minival", "names", "nc", "channels", "kpt_shape", "flip_idx",
    "flip_idx_ud", "kpt_names", "skeleton", "kpt_oks_sigmas", "download", "annotations", "images", "layout", "figures",
    "missing",
)  # fmt: skip
_OTHER_WORDS = {"validation": "val", "minival": "test"}
_MOST_CLASSES = 100_000

# What stands in a dataset YAML. The functions below read a key or two of it and check them: a value of a wrong type
# is a DatasetTypeError, one that cannot be a DatasetError; `where` is the YAML, for these messages.
Content = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """A data set: where its pictures and labels are, its classes and its keypoints.

    Attributes:
        source: the YAML, JSON or folder that was named, for messages.
        root: the folder that relative paths count from.
        splits: for "train", "val", "test" the picture folders, text lists or COCO JSON files, absolute.
        names: class names by number 0, 1, ...
        schema: its keypoints; None without.
        channels: of its pictures.
        annotations: COCO JSON files that hold the truth of a split beside its label files, by split.
        images: folders that pictures of COCO JSON files are looked for in first, by split.
        layout: how multitask label rows are laid out: "box_keypoints_polygon", "keypoints_polygon", or None
            to decide per file.
        downloads: what the key ``download`` names, to fetch when pictures are missing: URLs of archives, or the text
            of a script, which is refused.
        download_folders: folder below the root that a download unpacks into, where that is not the root itself.
        missing: what to say when pictures are missing: where else the root was looked for, how to get the data.
    """

    source: str
    root: Path
    splits: dict[str, tuple[Path, ...]]
    names: dict[int, str]
    schema: KeypointSchema | None = None
    channels: int = 3
    annotations: dict[str, Path] = field(default_factory=dict)
    images: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    layout: str | None = None
    downloads: tuple[str, ...] = ()
    download_folders: dict[str, str] = field(default_factory=dict)
    missing: str = ""


def warn_of_typos(content: Content, where: str) -> None:
    """Warn of a key that is not known but looks like one that is, and is missing; other unknown keys are fine."""
    absent = [known for known in KNOWN_KEYS if known not in content]
    for key in content:
        near = difflib.get_close_matches(key, absent, n=1, cutoff=0.8) if key not in KNOWN_KEYS else []
        if near:
            LOGGER.warning("%s: `%s` is not a known key and is left alone: did you mean `%s`?", where, key, near[0])


def read_text(content: Content, key: str, where: str) -> str | None:
    """Return a text; None when the key is absent or empty."""
    value = content.get(key)
    if value is None or isinstance(value, str):
        return value or None
    raise _wrong_type(where, key, value, "a text")


def read_splits(content: Content, where: str) -> dict[str, tuple[str, ...]]:
    """Return what the YAML names for "train", "val" and "test", as written; splits that it leaves out are absent."""
    found: dict[str, tuple[str, ...]] = {}
    for key in (*SPLITS, *_OTHER_WORDS):
        entries = _texts(content.get(key), key, where)
        split = _OTHER_WORDS.get(key, key)
        if entries and found.get(split, entries) != entries:
            raise DatasetError(f"{where}: `{split}` and `{key}` name the same split, but differ: leave one out")
        if entries:
            found[split] = entries
    return {split: found[split] for split in SPLITS if split in found}


def read_names(content: Content, where: str) -> dict[int, str] | None:
    """Return the class names by number 0, 1, ...; None when the YAML gives neither ``names`` nor ``nc``."""
    count, value = content.get("nc"), content.get("names")
    if count is not None and type(count) is not int:
        raise _wrong_type(where, "nc", count, "a whole number")
    if count is not None and not 1 <= count <= _MOST_CLASSES:
        raise DatasetError(f"{where}: `nc` is {quote(count)}, expected a number of classes from 1 to {_MOST_CLASSES}")
    if value is None:
        return None if count is None else {number: f"class_{number}" for number in range(count)}
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping):
        raise _wrong_type(where, "names", value, "a list, or a name per class number")
    if not value:
        raise DatasetError(f"{where}: `names` is empty, expected at least one class")
    names = dict(sorted(_named_class(key, name, where) for key, name in value.items()))
    for number in range(len(value)):
        if number not in names:
            raise DatasetError(
                f"{where}: `names` has {len(value)} classes but no class {number}: "
                f"number them 0 to {len(value) - 1}, each once"
            )
    if count is not None and count != len(names):
        raise DatasetError(
            f"{where}: `nc` is {count}, but `names` lists {len(names)}: they must agree, or leave out nc"
        )
    return names


def _named_class(key: Any, name: Any, where: str) -> tuple[int, str]:
    if isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) < 10:
        number = int(key)
    elif type(key) is int:
        number = key
    else:
        raise _wrong_type(where, "names", key, "class numbers as keys")
    if isinstance(name, str) and name:
        return number, name
    if type(name) in (int, float):
        return number, quote(name)
    # YAML reads yes, no, on and off as truth values, and nothing as null.
    raise _wrong_type(where, f"names.{key}", name, "a text: write it in quotes")


def read_channels(content: Content, where: str) -> int:
    """Return the number of channels of the pictures, always 3."""
    value = content.get("channels", 3)
    if type(value) is not int:
        raise _wrong_type(where, "channels", value, "a whole number")
    if value != 3:
        raise DatasetError(f"{where}: `channels` is {quote(value)}, but this release reads pictures of 3 channels only")
    return value


def read_layout(content: Content, where: str) -> str | None:
    """Return how multitask rows are laid out; None when every file is looked at."""
    layout = read_text(content, "layout", where)
    if layout is not None and layout not in LAYOUTS:
        raise DatasetError(f"{where}: `layout` is {quote(layout)}, expected {' or '.join(LAYOUTS)}")
    return layout


def read_picture_folders(content: Content, where: str) -> dict[str, tuple[str, ...]]:
    """Return for every split where the pictures of its COCO JSON files lie, as written."""
    value = content.get("images")
    if isinstance(value, Mapping):
        return _per_split(value, "images", where)
    entries = _texts(value, "images", where)
    return dict.fromkeys(SPLITS, entries) if entries else {}


def read_annotations(content: Content, where: str) -> dict[str, str]:
    """Return for each split the COCO JSON file that holds its truth beside the label files, as written."""
    value = content.get("annotations")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong_type(where, "annotations", value, "one COCO JSON file per split, such as {val: val.json}")
    files = {}
    for split, entries in _per_split(value, "annotations", where).items():
        if len(entries) != 1:
            raise _wrong_type(where, f"annotations.{split}", list(entries), "one COCO JSON file")
        files[split] = entries[0]
    return files


def read_downloads(content: Content, where: str) -> dict[str, str]:
    """Return the entries of ``download`` in order, each with the folder below the root that it unpacks into.

    An entry is an address, or anything else that was written there (a script): `is_address` tells. The folder is ""
    for the root itself.
    """
    value = content.get("download")
    folders = value if isinstance(value, Mapping) else {"": value}
    found: dict[str, str] = {}
    for folder, entries in folders.items():
        if not isinstance(folder, str):
            raise _wrong_type(where, "download", folder, "folders as keys")
        key = f"download.{folder}" if folder else "download"
        found |= dict.fromkeys(_texts(entries, key, where), folder)
    return found


def is_address(entry: str) -> bool:
    """Tell whether an entry of ``download`` is an address that can be fetched."""
    return re.fullmatch(r"https?://\S+", entry.strip()) is not None


def _texts(value: Any, key: str, where: str) -> tuple[str, ...]:
    """Return a text or a list of texts as a tuple; () for nothing."""
    if value is None or value == "":
        return ()
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if not isinstance(entry, str) or not entry:
            raise _wrong_type(where, key, entry, "a text or a list of texts")
    return tuple(entries)


def _per_split(value: Mapping[Any, Any], key: str, where: str) -> dict[str, tuple[str, ...]]:
    for split in value:
        if split not in SPLITS:
            raise DatasetError(f"{where}: `{key}` names {quote(split)}, expected {', '.join(SPLITS)}")
    return {split: entries for split, entry in value.items() if (entries := _texts(entry, f"{key}.{split}", where))}


def _wrong_type(where: str, key: str, value: Any, expected: str) -> DatasetTypeError:
    return DatasetTypeError(f"{where}: `{key}` is {quote(value)}, expected {expected}")


def dataset_dict(description: DatasetDescription) -> dict[str, Any]:
    """Return what a data set is, in plain values.

    Returns:
        ``path``; ``train``, ``val`` and, if there is one, ``test`` (a path, a list of paths, or None); ``nc``;
        ``names`` by class number; ``channels``; ``kpt_shape`` [K, D], or None without keypoints.
    """
    splits: dict[str, Any] = {"train": None, "val": None}
    for split, paths in description.splits.items():
        splits[split] = str(paths[0]) if len(paths) == 1 else [str(path) for path in paths]
    return {
        "path": str(description.root),
        **splits,
        "nc": len(description.names),
        "names": dict(description.names),
        "channels": description.channels,
        "kpt_shape": list(description.schema.shape) if description.schema else None,
    }
