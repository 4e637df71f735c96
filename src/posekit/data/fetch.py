"""Fetches the archives of a data set; a set that is only half there never looks complete."""

import hashlib
import re
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from posekit.checkpoint.checksum import record_path
from posekit.checkpoint.download import download
from posekit.data.data_keys import is_url
from posekit.data.data_paths import exists
from posekit.data.description import DatasetDescription
from posekit.data.unpack import unpack
from posekit.errors import DatasetError, OutputError
from posekit.log import LOGGER, one_line

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
    name = re.sub(r"[^\w.-]", "_", unquote(urlsplit(url).path).rpartition("/")[2])[-80:] or "archive"
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
