"""`read_description`: what a user names as ``data`` becomes a checked description of the data set."""

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.config.user import load_user_settings
from posekit.data import description as data_keys
from posekit.data.coco.categories import read_categories
from posekit.data.description import DatasetDescription, is_url
from posekit.data.figures.dataset import drawn_keys
from posekit.data.find_dataset import FoundKeys, RootSearch, find_keys, find_root, in_other_order, split_path
from posekit.errors import DatasetError, DatasetKeyError, DatasetNotFoundError, OutputError
from posekit.files.archives import unpack
from posekit.files.download import download, record_path
from posekit.files.reading import exists
from posekit.files.writing import safe_name
from posekit.log import LOGGER, one_line
from posekit.schema.read import schema_from_yaml
from posekit.schema.schema import KeypointSchema

# Stands in a folder while files of a download are moved into it.
UNFINISHED_MARK = ".posekit-unfinished"


_SHOWN_SCRIPT = 300


def fetch_dataset(description: DatasetDescription, datasets_dir: Path) -> None:
    """Fetch and unpack the archives that a data set names; files that are there already stay as they are.

    Archives are kept in ``downloads`` of `datasets_dir` until they are unpacked, so that a broken download goes on
    where it stopped.

    Args:
        description: with `downloads`.
        datasets_dir: the user's folder of data sets.

    Raises:
        DatasetError: ``download`` holds something else than addresses, or what was fetched is no good archive.
        DownloadError: an archive cannot be fetched.
        OutputError: there is no room, or a file cannot be written.
    """
    _refuse_scripts(description)
    archives: dict[Path, str] = {}
    for url in description.downloads:
        LOGGER.info("%s: fetching %s into %s; its licence is the provider's", description.source, url, description.root)
        archive = download(url, _archive_path(url, datasets_dir))
        archives[archive] = description.download_folders.get(url, "")
    try:
        _unpack_all(archives, description)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{description.root} cannot be written ({error.strerror or error})") from error
    for archive in archives:
        _discard(archive)


def is_unfinished(root: Path) -> bool:
    """Tell whether a download into a folder was broken off."""
    return exists(root / UNFINISHED_MARK)


def _refuse_scripts(description: DatasetDescription) -> None:
    for entry in description.downloads:
        if not is_url(entry):
            text = one_line(entry)
            shown = text if len(text) <= _SHOWN_SCRIPT else f"{text[:_SHOWN_SCRIPT]}..."
            raise DatasetError(
                f"{description.source}: pictures are missing, and `download` holds a script, which posekit does not "
                f"run: only URLs are followed. Get the data into {description.root}, by running it yourself if you "
                f"trust it. It reads: {shown}"
            )


def _archive_path(url: str, datasets_dir: Path) -> Path:
    name = safe_name(unquote(urlsplit(url).path).rpartition("/")[2])[-80:]
    return datasets_dir.absolute() / "downloads" / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name}"


def _unpack_all(archives: dict[Path, str], description: DatasetDescription) -> None:
    """Unpack into a folder beside the root first, which takes the root's place or is moved into it."""
    root = description.root
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}.unfinished-") as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        for number, (archive, folder) in enumerate(archives.items()):
            part = Path(place) / str(number)
            part.mkdir()
            _unpack_or_discard(archive, part)
            content = part if folder else _content(part, description)
            _move_into(content, _below(whole, folder, description.source))
        if not exists(root):
            whole.rename(root)
            return
        mark = root / UNFINISHED_MARK
        mark.write_text("A download into this folder was not finished.\n", encoding="utf-8")
        _move_into(whole, root)
        mark.unlink()


def _unpack_or_discard(archive: Path, folder: Path) -> None:
    try:
        unpack(archive, folder)
    except DatasetError:
        _discard(archive)  # else a page that says "not found" would be kept as the archive
        raise


def _content(part: Path, description: DatasetDescription) -> Path:
    """Return what belongs into the root: the inside of a single top folder, unless the splits name that folder."""
    entries = list(part.iterdir())
    if len(entries) != 1 or not entries[0].is_dir():
        return part
    named = {path for paths in description.splits.values() for path in paths}
    within = description.root / entries[0].name
    return part if any(within in (path, *path.parents) for path in named) else entries[0]


def _below(whole: Path, folder: str, source: str) -> Path:
    path = Path(folder)
    if path.is_absolute() or ".." in path.parts:
        raise DatasetError(f"{source}: `download` names the folder {folder!r}, expected one below the root")
    return whole / path


def _move_into(source: Path, target: Path) -> None:
    """Move the content of a folder into another; what is there already stays."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        place = target / entry.name
        if not exists(place):
            entry.rename(place)
        elif entry.is_dir() and place.is_dir():
            _move_into(entry, place)


def _discard(archive: Path) -> None:
    archive.unlink(missing_ok=True)
    record_path(archive).unlink(missing_ok=True)


def require_split(description: DatasetDescription, split: str, *, datasets_dir: Path | None = None) -> tuple[Path, ...]:
    """Return the picture folders, text lists or COCO JSON files of a split; missing ones are fetched first.

    Only this split need exist.

    Args:
        description: of the data set.
        split: "train", "val" or "test".
        datasets_dir: the folder that archives are kept in until they are unpacked; None for the user's own.

    Raises:
        DatasetKeyError: the data set names no such split.
        DatasetNotFoundError: something is missing and cannot be fetched; the text says where it was looked for.
        DatasetError, DownloadError, OutputError: fetching failed; or ``download`` is a script, which is not run.
    """
    if split not in description.splits:
        known = ", ".join(f"`{name}`" for name in description.splits)
        raise DatasetKeyError(f"{description.source} names no pictures for `{split}`; it has {known}")
    paths, missing = _looked_up(description, split)
    if missing and description.downloads:
        fetch_dataset(description, datasets_dir or Path(load_user_settings().datasets_dir))
        paths, missing = _looked_up(description, split)
    if missing:
        listed = " and ".join(str(path) for path in missing)
        verb = "does" if len(missing) == 1 else "do"
        raise DatasetNotFoundError(
            f"{description.source}: for `{split}`, {listed} {verb} not exist. {description.missing}".rstrip()
        )
    return paths


def _looked_up(description: DatasetDescription, split: str) -> tuple[tuple[Path, ...], list[Path]]:
    """Return where the pictures of a split are, and what of it is missing."""
    paths = tuple(in_other_order(path) for path in description.splits[split])
    needed = [*paths, *(path for name, path in description.annotations.items() if name == split)]
    unfinished = is_unfinished(description.root)
    return paths, [path for path in needed if unfinished or not exists(path)]


def read_description(data: str | Path, *, task: str, datasets_dir: Path | None = None) -> DatasetDescription:
    """Read and check what a data set says of itself; its pictures need not exist yet (see `require_split`).

    Args:
        data: a dataset YAML; the bare name of one in the working directory, or of a built-in one; a folder with a
            YAML or with COCO JSON files; a .zip or .tar archive of such a folder, unpacked into the folder of data
            sets; or a COCO JSON file, which then serves as train and val.
        task: "detect", "segment", "pose" or "multitask"; the last two need keypoints.
        datasets_dir: the folder of data sets; None for the one of the user's settings.

    Raises:
        DatasetNotFoundError: there is no such data set, or a COCO JSON file that must be read is missing.
        DatasetTypeError: a key has a value of the wrong type.
        DatasetKeyError: a key that is needed is missing, such as ``kpt_shape``.
        DatasetError, SchemaError: a file is damaged or contradicts itself.
        DownloadError, OutputError: a file that must be read was not fetched or written.
    """
    datasets_dir = datasets_dir or Path(load_user_settings().datasets_dir)
    found = find_keys(data, task=task, datasets_dir=datasets_dir)
    if found.keys.get("figures") is not None:
        found = drawn_keys(found, task=task, datasets_dir=datasets_dir)
    data_keys.warn_of_typos(found.keys, found.source)
    description = _describe(found, task, datasets_dir)
    if _needs_categories(description, task):
        description = _with_categories(description, datasets_dir)
    _check_complete(description, task)
    return description


def _describe(found: FoundKeys, task: str, datasets_dir: Path) -> DatasetDescription:
    """Return what the keys alone say."""
    keys, where = found.keys, found.source
    entries = data_keys.read_splits(keys, where)
    if not entries:
        raise DatasetKeyError(f"{where} names no pictures: it needs `train` and `val`")
    search = find_root(
        data_keys.read_text(keys, "path", where),
        (entry for texts in entries.values() for entry in texts),
        beside=found.folder,
        datasets_dir=datasets_dir,
    )
    downloads = data_keys.read_downloads(keys, where)
    return DatasetDescription(
        source=where,
        root=search.root,
        splits={split: _paths(search.root, texts) for split, texts in entries.items()},
        names=data_keys.read_names(keys, where) or {},
        schema=_schema(found, task),
        channels=data_keys.read_channels(keys, where),
        annotations={
            split: split_path(search.root, text) for split, text in data_keys.read_annotations(keys, where).items()
        },
        images={
            split: _paths(search.root, texts) for split, texts in data_keys.read_picture_folders(keys, where).items()
        },
        layout=data_keys.read_layout(keys, where),
        downloads=tuple(downloads),
        download_folders={entry: folder for entry, folder in downloads.items() if folder},
        missing=_missing(search, data_keys.read_text(keys, "missing", where)),
    )


def _paths(root: Path, entries: Iterable[str]) -> tuple[Path, ...]:
    return tuple(split_path(root, entry) for entry in entries)


def _schema(found: FoundKeys, task: str) -> KeypointSchema | None:
    def warn(text: str) -> None:
        if task in TASKS_WITH_KEYPOINTS:
            LOGGER.warning("%s: %s", found.source, text)

    return schema_from_yaml(found.keys, found.source, warn)


def _missing(search: RootSearch, advice: str | None) -> str:
    places = ", ".join(str(place) for place in search.looked)
    looked = f"The root of the data set was looked for as {places}." if len(search.looked) > 1 else ""
    return f"{looked} {advice or ''}".strip()


def _json_files(description: DatasetDescription) -> dict[Path, str]:
    """Return the COCO JSON files of all splits, each with its split."""
    return {
        path: split for split, paths in description.splits.items() for path in paths if path.suffix.lower() == ".json"
    }


def _needs_categories(description: DatasetDescription, task: str) -> bool:
    complete = description.names and (description.schema or task not in TASKS_WITH_KEYPOINTS)
    return not complete and bool(_json_files(description))


def _with_categories(description: DatasetDescription, datasets_dir: Path) -> DatasetDescription:
    """Return a description with names and keypoints from the smallest COCO JSON file.

    All files of a data set have the same categories, and those of large sets take seconds to read.
    """
    files = _json_files(description)
    present = [path for path in files if exists(path)]
    if not present:
        path, split = next(iter(files.items()))
        require_split(description, split, datasets_dir=datasets_dir)
        present = [path]
    names, schema, _ = read_categories(min(present, key=lambda path: path.stat().st_size))
    return replace(description, names=description.names or names, schema=description.schema or schema)


def _check_complete(description: DatasetDescription, task: str) -> None:
    where = description.source
    if not description.names:
        raise DatasetKeyError(f"No `names` in the {where}: a data set needs its class names, or `nc`, their number")
    if task in TASKS_WITH_KEYPOINTS and description.schema is None:
        categories = ", and the categories of its COCO JSON files name no keypoints" if _json_files(description) else ""
        raise DatasetKeyError(
            f"No `kpt_shape` in the {where}{categories}: the task {task} needs the number of keypoints and of values "
            "per keypoint, such as kpt_shape: [17, 3]"
        )
