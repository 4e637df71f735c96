"""What a user names as ``data`` becomes a checked description; pictures that are missing are fetched."""

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.config.user import load_user_settings
from posekit.data import description as values
from posekit.data.coco.categories import read_categories
from posekit.data.description import DatasetDescription
from posekit.data.figures.dataset import drawn_keys
from posekit.data.find_dataset import find_dataset, find_root, in_other_order, split_path
from posekit.errors import DatasetError, DatasetKeyError, DatasetNotFoundError
from posekit.files.archives import unpack
from posekit.files.download import download, record_path
from posekit.files.reading import exists
from posekit.files.writing import naming_errors, safe_name
from posekit.log import LOGGER, one_line
from posekit.schema.read import schema_from_yaml

# Stands in a folder while files of a download are moved into it.
UNFINISHED_MARK = ".posekit-unfinished"

_SHOWN_SCRIPT = 300


def read_description(data: str | Path, *, task: str, datasets_dir: Path | None = None) -> DatasetDescription:
    """Read and check what a data set says of itself; its pictures need not exist yet (see `require_split`).

    Args:
        data: a dataset YAML; the bare name of one in the working directory, or of a built-in one; a folder with a
            YAML or with COCO JSON files; a .zip or .tar archive of such a folder, unpacked into the folder of data
            sets; or a COCO JSON file, which then serves as train and val.
        task: "detect", "segment", "pose" or "multitask"; "pose" and "multitask" need keypoints.
        datasets_dir: the folder of data sets; None for the one of the user's settings.

    Raises:
        DatasetNotFoundError: there is no such data set, or a COCO JSON file that must be read is missing.
        DatasetTypeError: a key has a value of the wrong type.
        DatasetKeyError: a key that is needed is missing, such as ``kpt_shape``.
        DatasetError, SchemaError: a file is damaged or contradicts itself.
        DownloadError, OutputError: a file that must be read was not fetched or written.
    """
    datasets_dir = datasets_dir or Path(load_user_settings().datasets_dir)
    found = find_dataset(data, task=task, datasets_dir=datasets_dir)
    if found.content.get("figures") is not None:
        found = drawn_keys(found, task=task, datasets_dir=datasets_dir)
    content, where = found.content, found.source
    values.warn_of_typos(content, where)
    entries = values.read_splits(content, where)
    if not entries:
        raise DatasetKeyError(f"{where} names no pictures: it needs `train` and `val`")
    named = tuple(entry for texts in entries.values() for entry in texts)
    path = values.read_text(content, "path", where)
    root, looked = find_root(path, named, beside=found.folder, datasets_dir=datasets_dir)

    def within(texts: Iterable[str]) -> tuple[Path, ...]:
        return tuple(split_path(root, text) for text in texts)

    def warn(text: str) -> None:
        if task in TASKS_WITH_KEYPOINTS:
            LOGGER.warning("%s: %s", where, text)

    downloads = values.read_downloads(content, where)
    places = f"The root of the data set was looked for as {', '.join(map(str, looked))}." if len(looked) > 1 else ""
    description = DatasetDescription(
        source=where,
        root=root,
        splits={split: within(texts) for split, texts in entries.items()},
        names=values.read_names(content, where) or {},
        schema=schema_from_yaml(content, where, warn),
        channels=values.read_channels(content, where),
        annotations={split: split_path(root, text) for split, text in values.read_annotations(content, where).items()},
        images={split: within(texts) for split, texts in values.read_picture_folders(content, where).items()},
        layout=values.read_layout(content, where),
        downloads=tuple(downloads),
        download_folders={entry: folder for entry, folder in downloads.items() if folder},
        missing=f"{places} {values.read_text(content, 'missing', where) or ''}".strip(),
    )
    return _complete(description, task, datasets_dir)


def _complete(description: DatasetDescription, task: str, datasets_dir: Path) -> DatasetDescription:
    """Take names and keypoints that the YAML lacks from a COCO JSON file; refuse what lacks them still."""
    keypoints = task in TASKS_WITH_KEYPOINTS
    files = {
        path: split for split, paths in description.splits.items() for path in paths if path.suffix.lower() == ".json"
    }
    if files and not (description.names and (description.schema or not keypoints)):
        present = [path for path in files if exists(path)]
        if not present:
            path, split = next(iter(files.items()))
            require_split(description, split, datasets_dir=datasets_dir)
            present = [path]
        # All files of a data set have the same categories, and those of large sets take seconds to read.
        names, schema, _ = read_categories(min(present, key=lambda path: path.stat().st_size))
        description = replace(description, names=description.names or names, schema=description.schema or schema)
    where = description.source
    if not description.names:
        raise DatasetKeyError(f"No `names` in the {where}: a data set needs its class names, or `nc`, their number")
    if keypoints and description.schema is None:
        categories = ", and the categories of its COCO JSON files name no keypoints" if files else ""
        raise DatasetKeyError(
            f"No `kpt_shape` in the {where}{categories}: the task {task} needs the number of keypoints and of values "
            "per keypoint, such as kpt_shape: [17, 3]"
        )
    return description


def require_split(
    description: DatasetDescription, split: str, *, datasets_dir: Path | None = None
) -> DatasetDescription:
    """Return the description with the picture folders, lists or COCO JSON files of a split as they lie on disk.

    Missing ones are fetched first. Only this split need exist.

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
        _fetch(description, datasets_dir or Path(load_user_settings().datasets_dir))
        paths, missing = _looked_up(description, split)
    if missing:
        listed = " and ".join(str(path) for path in missing)
        verb = "does" if len(missing) == 1 else "do"
        raise DatasetNotFoundError(
            f"{description.source}: for `{split}`, {listed} {verb} not exist. {description.missing}".rstrip()
        )
    return replace(description, splits=description.splits | {split: paths})


def _looked_up(description: DatasetDescription, split: str) -> tuple[tuple[Path, ...], list[Path]]:
    """Return where the pictures of a split are, and what of it is missing: all after a broken download."""
    paths = tuple(in_other_order(path) for path in description.splits[split])
    needed = [*paths, *(path for name, path in description.annotations.items() if name == split)]
    unfinished = exists(description.root / UNFINISHED_MARK)
    return paths, [path for path in needed if unfinished or not exists(path)]


def _fetch(description: DatasetDescription, datasets_dir: Path) -> None:
    """Fetch and unpack the archives that a data set names; files that are there already stay as they are.

    Archives are kept in ``downloads`` of `datasets_dir` until they are unpacked, so that a broken download goes on
    where it stopped.
    """
    for entry in description.downloads:
        if not values.is_address(entry):
            text = one_line(entry)
            shown = text if len(text) <= _SHOWN_SCRIPT else f"{text[:_SHOWN_SCRIPT]}..."
            raise DatasetError(
                f"{description.source}: pictures are missing, and `download` holds a script, which posekit does not "
                f"run: only URLs are followed. Get the data into {description.root}, by running it yourself if you "
                f"trust it. It reads: {shown}"
            )
    archives: dict[Path, str] = {}
    for url in description.downloads:
        LOGGER.info("%s: fetching %s into %s; its licence is the provider's", description.source, url, description.root)
        archive = download(url, _archive_path(url, datasets_dir))
        archives[archive] = description.download_folders.get(url, "")
    with naming_errors(description.root):
        _unpack_all(archives, description)
    for archive in archives:
        _discard(archive)


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
            try:
                unpack(archive, part)
            except DatasetError:
                _discard(archive)  # else a page that says "not found" would be kept as the archive
                raise
            if Path(folder).is_absolute() or ".." in Path(folder).parts:
                where = f"{description.source}: `download` names the folder {folder!r}"
                raise DatasetError(f"{where}, expected one below the root")
            _move_into(part if folder else _content(part, description), whole / folder)
        if not exists(root):
            whole.rename(root)
            return
        mark = root / UNFINISHED_MARK
        mark.write_text("A download into this folder was not finished.\n", encoding="utf-8")
        _move_into(whole, root)
        mark.unlink()


def _content(part: Path, description: DatasetDescription) -> Path:
    """Return what belongs into the root: the inside of a single top folder, unless the splits name that folder."""
    entries = list(part.iterdir())
    if len(entries) != 1 or not entries[0].is_dir():
        return part
    named = {path for paths in description.splits.values() for path in paths}
    within = description.root / entries[0].name
    return part if any(within in (path, *path.parents) for path in named) else entries[0]


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
