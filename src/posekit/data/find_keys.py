"""From what a user names as ``data`` to the keys of a dataset YAML."""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posekit.config.suggest import near_matches
from posekit.data.archive_members import ARCHIVE_SUFFIXES, archive_stem
from posekit.data.builtin_sets import YAML_SUFFIXES, builtin_keys, builtin_names, yaml_stem
from posekit.data.coco.values import quote
from posekit.data.coco_layouts import coco_file_keys, coco_folder_keys
from posekit.data.data_paths import exists, expanded
from posekit.data.unpack import unpack
from posekit.data.yaml_file import read_yaml
from posekit.errors import DatasetError, DatasetNotFoundError, DatasetTypeError, OutputError
from posekit.files.new_folder import new_folder
from posekit.log import LOGGER

_FINGERPRINT_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class FoundKeys:
    """The keys of a data set, their values not checked yet.

    Attributes:
        source: where they come from, for messages.
        keys: of the YAML; of COCO JSON files without one, those that it would have.
        folder: that the YAML lies in; None for a built-in one.
    """

    source: str
    keys: dict[str, Any]
    folder: Path | None


def find_keys(data: str | Path, *, task: str, datasets_dir: Path) -> FoundKeys:
    """Find the keys of the data set that `data` names.

    Args:
        data: a YAML, a folder, an archive or a COCO JSON file, or the bare name of a YAML in the working directory
            or of a built-in data set.
        task: chooses between several COCO JSON files of a split.
        datasets_dir: the user's folder of data sets, which archives are unpacked into.

    Raises:
        DatasetNotFoundError: there is no such data set.
        DatasetError: it is of no known form, or damaged.
        DatasetTypeError: `data` is neither a text nor a path.
        OutputError: an archive cannot be unpacked into the folder of data sets.
    """
    path = _path(data)
    if exists(path) and path.is_dir():
        found = _folder_keys(path, task, [path.name]) or _builtin(path)
        if found is None:
            raise DatasetNotFoundError(
                f"dataset '{data}': the folder holds neither a dataset YAML nor COCO JSON files "
                "(train/_annotations.coco.json, or annotations/*.json)"
            )
        return found
    if exists(path) and path.is_file():
        return _file_keys(path, task, datasets_dir)
    if exists(path):
        raise DatasetError(f"dataset '{data}' is neither a file nor a folder")
    for suffix in YAML_SUFFIXES:
        named = path.with_name(f"{path.name}{suffix}")
        if exists(named) and named.is_file():
            return _yaml_keys(named)
    found = _builtin(path)
    if found is None:
        raise DatasetNotFoundError(f"dataset '{data}' does not exist; {_hint(path)}")
    return found


def _path(data: str | Path) -> Path:
    if not isinstance(data, (str, os.PathLike)):
        raise DatasetTypeError(f"data is {quote(data)}, expected the path or name of a data set")
    text = str(data).strip()
    if not text or "\0" in text:
        raise DatasetNotFoundError(f"dataset {quote(text)} does not exist: name a YAML, a folder or an archive")
    if re.match(r"https?://", text):
        raise DatasetError(f"dataset '{text}' is an address: fetch the archive first, and name the file")
    path = expanded(text)
    if not exists(path) and len(path.name.encode()) > 250:
        raise DatasetNotFoundError(f"dataset '{text[:60]}...' does not exist: the name is too long for a file")
    return path


def _file_keys(path: Path, task: str, datasets_dir: Path) -> FoundKeys:
    name = path.name.lower()
    if name.endswith(YAML_SUFFIXES):
        return _yaml_keys(path)
    if name.endswith(".json"):
        return FoundKeys(source=str(path), keys=coco_file_keys(path), folder=path.parent)
    if archive_stem(name) is not None:
        return _archive_keys(path, task, datasets_dir)
    raise DatasetError(
        f"dataset '{path}' is of no known form, expected a YAML (.yaml), a COCO JSON file (.json), "
        f"an archive ({' '.join(ARCHIVE_SUFFIXES)}) or a folder"
    )


def _yaml_keys(path: Path) -> FoundKeys:
    return FoundKeys(source=str(path), keys=read_yaml(path), folder=path.parent)


def _builtin(path: Path) -> FoundKeys | None:
    keys = builtin_keys(path.name) if path.name == str(path) else None
    return None if keys is None else FoundKeys(source=f"{yaml_stem(path.name)}.yaml", keys=keys, folder=None)


def _hint(path: Path) -> str:
    near = near_matches(yaml_stem(path.name), builtin_names())
    if near:
        return f"did you mean {' or '.join(f'{name}.yaml' for name in near)}?"
    return f"name a YAML, a folder, an archive or a COCO JSON file, or one of {', '.join(builtin_names())}"


def _folder_keys(folder: Path, task: str, names: Sequence[str]) -> FoundKeys | None:
    """Return the keys of a folder's YAML, else those of its COCO JSON files; None when it has neither.

    Args:
        folder: an existing folder.
        task: chooses between several COCO JSON files.
        names: what the YAML may be called where there are several.
    """
    top = _one_yaml(folder, (path for suffix in YAML_SUFFIXES for path in folder.glob(f"*{suffix}")), names)
    if top is not None:
        return _yaml_keys(top)
    coco = coco_folder_keys(folder, task)
    if coco is not None:
        return FoundKeys(source=str(folder), keys=coco, folder=folder)
    deep = _one_yaml(folder, (path for suffix in YAML_SUFFIXES for path in folder.rglob(f"*{suffix}")), names)
    return None if deep is None else _yaml_keys(deep)


def _one_yaml(folder: Path, paths: Iterable[Path], names: Sequence[str]) -> Path | None:
    found = sorted(path for path in paths if path.is_file() and not _is_hidden(path.relative_to(folder)))
    if len(found) < 2:
        return next(iter(found), None)
    named = [path for path in found if path.stem in names]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(str(path.relative_to(folder)) for path in found[:10])
    raise DatasetError(f"{folder}: holds several YAML files ({listed}): name one of them as data=FILE")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _archive_keys(archive: Path, task: str, datasets_dir: Path) -> FoundKeys:
    stem = archive_stem(archive.name) or archive.name
    folder = _unpacked(archive, datasets_dir.absolute() / f"{stem}-{_fingerprint(archive)}")
    inner = _only_folder(folder) or folder
    found = _folder_keys(inner, task, [stem, inner.name])
    if found is None:
        raise DatasetError(
            f"{archive}: holds neither a dataset YAML nor COCO JSON files (train/_annotations.coco.json, or "
            f"annotations/*.json); it was unpacked into {folder}"
        )
    return found


def _unpacked(archive: Path, folder: Path) -> Path:
    """Return the folder with the content of an archive; it is unpacked once."""
    if folder.is_dir():
        return folder
    LOGGER.info("unpacking %s into %s", archive, folder)
    try:
        with new_folder(folder) as draft:
            unpack(archive, draft)
    except OutputError:
        if not folder.is_dir():  # another process may have unpacked it meanwhile
            raise
    return folder


def _only_folder(folder: Path) -> Path | None:
    """Return the one folder that everything lies in; None when there is more beside it."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else None


def _fingerprint(path: Path) -> str:
    """Return eight characters that tell versions of a file apart, without reading gigabytes."""
    status = path.stat()
    digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}".encode())
    with path.open("rb") as file:
        digest.update(file.read(_FINGERPRINT_BYTES))
        file.seek(max(status.st_size - _FINGERPRINT_BYTES, 0))
        digest.update(file.read(_FINGERPRINT_BYTES))
    return digest.hexdigest()[:8]
