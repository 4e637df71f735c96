"""Where a data set lies: from what a user names as ``data`` to its YAML, and from the YAML to its folders."""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from posekit.config.kinds import near_matches
from posekit.data.coco.split import coco_file_keys, coco_folder_keys
from posekit.errors import DatasetError, DatasetNotFoundError, DatasetTypeError, OutputError
from posekit.files.archives import ARCHIVE_SUFFIXES, archive_stem, unpack
from posekit.files.reading import LARGEST_YAML, exists, parse_yaml, read_file
from posekit.files.values import quote
from posekit.files.writing import new_folder
from posekit.log import LOGGER

_YAML_SUFFIXES = (".yaml", ".yml")
_UP = "../"
_FINGERPRINT_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class DatasetYaml:
    """What a dataset YAML holds, its values not checked yet.

    Attributes:
        source: where it comes from, for messages.
        content: its keys and values; of COCO JSON files without a YAML, those that it would have.
        folder: that it lies in; None for a built-in one.
    """

    source: str
    content: dict[str, Any]
    folder: Path | None


def find_dataset(data: str | Path, *, task: str, datasets_dir: Path) -> DatasetYaml:
    """Find the YAML of the data set that `data` names.

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
        found = _in_folder(path, task, [path.name]) or _builtin(path)
        if found is None:
            raise DatasetNotFoundError(
                f"dataset '{data}': the folder holds neither a dataset YAML nor COCO JSON files "
                "(train/_annotations.coco.json, or annotations/*.json)"
            )
        return found
    if exists(path) and path.is_file():
        return _in_file(path, task, datasets_dir)
    if exists(path):
        raise DatasetError(f"dataset '{data}' is neither a file nor a folder")
    for suffix in _YAML_SUFFIXES:
        named = path.with_name(f"{path.name}{suffix}")
        if exists(named) and named.is_file():
            return read_dataset_yaml(named)
    found = _builtin(path)
    if found is None:
        near = near_matches(yaml_stem(path.name), builtin_names())
        hint = f"name a YAML, a folder, an archive or a COCO JSON file, or one of {', '.join(builtin_names())}"
        if near:
            hint = f"did you mean {' or '.join(f'{name}.yaml' for name in near)}?"
        raise DatasetNotFoundError(f"dataset '{data}' does not exist; {hint}")
    return found


def _path(data: str | Path) -> Path:
    if not isinstance(data, (str, os.PathLike)):
        raise DatasetTypeError(f"data is {quote(data)}, expected the path or name of a data set")
    text = str(data).strip()
    if not text or "\0" in text:
        raise DatasetNotFoundError(f"dataset {quote(text)} does not exist: name a YAML, a folder or an archive")
    if re.match(r"https?://", text):
        raise DatasetError(f"dataset '{text}' is an address: fetch the archive first, and name the file")
    path = _expanded(text)
    if not exists(path) and len(path.name.encode()) > 250:
        raise DatasetNotFoundError(f"dataset '{text[:60]}...' does not exist: the name is too long for a file")
    return path


def _in_file(path: Path, task: str, datasets_dir: Path) -> DatasetYaml:
    name = path.name.lower()
    if name.endswith(_YAML_SUFFIXES):
        return read_dataset_yaml(path)
    if name.endswith(".json"):
        return DatasetYaml(source=str(path), content=coco_file_keys(path), folder=path.parent)
    if archive_stem(name) is not None:
        return _in_archive(path, task, datasets_dir)
    raise DatasetError(
        f"dataset '{path}' is of no known form, expected a YAML (.yaml), a COCO JSON file (.json), "
        f"an archive ({' '.join(ARCHIVE_SUFFIXES)}) or a folder"
    )


def read_dataset_yaml(path: Path) -> DatasetYaml:
    """Read a dataset YAML.

    Raises:
        DatasetError: it cannot be read, is no YAML, or does not hold ``key: value`` lines.
    """
    content = parse_content(read_file(path, DatasetError, limit=LARGEST_YAML), str(path))
    return DatasetYaml(source=str(path), content=content, folder=path.parent)


def parse_content(content: bytes, where: str) -> dict[str, Any]:
    """Return the keys and values of a dataset YAML given as bytes; `where` names it in messages."""
    data = parse_yaml(content, DatasetError, where)
    if not isinstance(data, dict):
        raise DatasetError(f"{where}: holds {quote(data)}, expected lines of the form 'key: value'")
    for key in data:
        if not isinstance(key, str):
            raise DatasetError(
                f"{where}: {quote(key)} is no key of a data set: if it numbers a class, indent it under `names:`"
            )
    return data


def yaml_stem(name: str) -> str:
    """Return the name of a YAML without its suffix."""
    return name.removesuffix(".yaml").removesuffix(".yml")


def builtin_names() -> list[str]:
    """Return the names of all built-in data sets, such as ``coco8-pose``, sorted."""
    folder = files("posekit.data").joinpath("builtin")
    return sorted(yaml_stem(file.name) for file in folder.iterdir() if file.name.endswith(_YAML_SUFFIXES))


def _builtin(path: Path) -> DatasetYaml | None:
    name = yaml_stem(path.name)
    if path.name != str(path) or name not in builtin_names():
        return None
    file = files("posekit.data").joinpath("builtin", f"{name}.yaml")
    return DatasetYaml(source=file.name, content=parse_content(file.read_bytes(), file.name), folder=None)


def _in_folder(folder: Path, task: str, names: Sequence[str]) -> DatasetYaml | None:
    """Return a folder's YAML, called like one of `names` where there are several, else its COCO JSON files."""
    top = _one_yaml(folder, (path for suffix in _YAML_SUFFIXES for path in folder.glob(f"*{suffix}")), names)
    if top is not None:
        return read_dataset_yaml(top)
    coco = coco_folder_keys(folder, task)
    if coco is not None:
        return DatasetYaml(source=str(folder), content=coco, folder=folder)
    deep = _one_yaml(folder, (path for suffix in _YAML_SUFFIXES for path in folder.rglob(f"*{suffix}")), names)
    return None if deep is None else read_dataset_yaml(deep)


def _one_yaml(folder: Path, paths: Iterable[Path], names: Sequence[str]) -> Path | None:
    def is_hidden(path: Path) -> bool:
        return any(part.startswith(".") for part in path.relative_to(folder).parts)

    found = sorted(path for path in paths if path.is_file() and not is_hidden(path))
    if len(found) < 2:
        return next(iter(found), None)
    named = [path for path in found if path.stem in names]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(str(path.relative_to(folder)) for path in found[:10])
    raise DatasetError(f"{folder}: holds several YAML files ({listed}): name one of them as data=FILE")


def _in_archive(archive: Path, task: str, datasets_dir: Path) -> DatasetYaml:
    """Unpack an archive, once, and look into its folder."""
    stem = archive_stem(archive.name) or archive.name
    folder = datasets_dir.absolute() / f"{stem}-{_fingerprint(archive)}"
    if not folder.is_dir():
        LOGGER.info("unpacking %s into %s", archive, folder)
        try:
            with new_folder(folder) as draft:
                unpack(archive, draft)
        except OutputError:
            if not folder.is_dir():  # another process may have unpacked it meanwhile
                raise
    entries = list(folder.iterdir())
    inner = entries[0] if len(entries) == 1 and entries[0].is_dir() else folder
    found = _in_folder(inner, task, [stem, inner.name])
    if found is None:
        raise DatasetError(
            f"{archive}: holds neither a dataset YAML nor COCO JSON files (train/_annotations.coco.json, or "
            f"annotations/*.json); it was unpacked into {folder}"
        )
    return found


def _fingerprint(path: Path) -> str:
    """Return eight characters that tell versions of a file apart, without reading gigabytes."""
    status = path.stat()
    digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}".encode())
    with path.open("rb") as file:
        digest.update(file.read(_FINGERPRINT_BYTES))
        file.seek(max(status.st_size - _FINGERPRINT_BYTES, 0))
        digest.update(file.read(_FINGERPRINT_BYTES))
    return digest.hexdigest()[:8]


def find_root(
    path: str | None, entries: Sequence[str], *, beside: Path | None, datasets_dir: Path
) -> tuple[Path, tuple[Path, ...]]:
    """Find the folder that the paths of a dataset YAML count from.

    A relative root is looked for from the YAML's folder, then the working directory, then the folder of data sets:
    the first place with one of the splits is taken, else the first that is a folder, else the last of them.

    Args:
        path: the key ``path``; None stands for the YAML's folder.
        entries: what the splits name.
        beside: the YAML's folder; None for a YAML that lies in the package.
        datasets_dir: the user's folder of data sets.

    Returns:
        The root, absolute, which need not exist; and every place where it could have been.
    """
    if path is None and beside is not None:
        return tidy(beside), (tidy(beside),)
    starts = [beside, Path(), datasets_dir] if beside is not None else [Path(), datasets_dir]
    looked = tuple(dict.fromkeys(tidy(start / _expanded(path or ".")) for start in starts))
    with_split = (place for place in looked if any(exists(split_path(place, entry)) for entry in entries))
    folders = (place for place in looked if exists(place))
    return next(with_split, None) or next(folders, None) or looked[-1], looked


def split_path(root: Path, entry: str) -> Path:
    """Return the absolute path of a split that the YAML names, whether it exists or not.

    One that is not there is retried without a leading ``../``, and as in `in_other_order`.
    """
    path = in_other_order(tidy(root / _expanded(entry)))
    if entry.startswith(_UP) and not exists(path):
        retried = in_other_order(tidy(root / entry.removeprefix(_UP)))
        return retried if exists(retried) else path
    return path


def in_other_order(path: Path) -> Path:
    """Return ``train/images`` for ``images/train`` when only that exists: sets are passed on in either form."""
    if path.parent.name != "images" or exists(path):
        return path
    other = path.parent.with_name(path.name) / "images"
    return other if exists(other) else path


def _expanded(text: str) -> Path:
    """Return a path with ``~`` written out, and as it is where there is no such user."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises there


def tidy(path: Path) -> Path:
    """Return a path as absolute and without ``..``, symbolic links left as they are."""
    path = path.absolute()
    plain = Path(os.path.normpath(path))
    # Behind a symbolic link ".." leads elsewhere than the text says.
    return path if exists(path) and not (exists(plain) and plain.samefile(path)) else plain
