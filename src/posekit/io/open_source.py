"""Open whatever a user may hand to predict."""

import csv
import difflib
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posekit.errors import SettingError, SourceNotFoundError, SourceTypeError, SourceValueError
from posekit.files.download import is_live_url, is_media_url, is_url, serves_picture
from posekit.files.magic import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_formats, media_kind
from posekit.files.reading import exists, read_text
from posekit.io.live import StreamSource, parse_screen, read_stream_list
from posekit.io.source import FileSource, MemorySource, Source, TensorSource, is_in_memory, is_tensor

_ANY_DEPTH = "**"
LIST_SUFFIXES = frozenset({".txt", ".csv"})
_ACCEPTED = (
    "a path, folder, pattern, list file, URL, webcam number, 'screen', 'figures', a PIL image, "
    "a NumPy array (H, W, 3) in BGR, a torch tensor (B, 3, H, W), or a list of paths, PIL images and arrays"
)


def expand_pattern(pattern: Path) -> list[Path]:
    """Return the sorted paths that match a pattern of ``*``, ``?``, ``[...]`` and ``**`` (folders at any depth).

    Hidden files and folders match only where the pattern spells their dot. Links to folders are followed, but
    ``**`` comes to each folder once: links that lead in circles would yield the same files without end.
    """
    return sorted(_expand(pattern))


def _expand(pattern: Path) -> set[Path]:
    parts = pattern.parts
    if _ANY_DEPTH not in parts:
        return {Path(name) for name in glob.glob(str(pattern))}  # noqa: PTH207 - Path.glob takes no absolute pattern
    depth = parts.index(_ANY_DEPTH)
    rest = Path(*(parts[depth + 1 :] or "*"))
    folders = (folder for base in _expand(Path(*parts[:depth])) for folder in _folders(base))
    return {path for folder in folders for path in _expand(Path(glob.escape(str(folder))) / rest)}


def _folders(base: Path) -> Iterator[Path]:
    """Yield `base` and every folder below it that is not hidden."""
    seen = set()
    for name, subfolders, _ in os.walk(base, followlinks=True):
        status = Path(name).stat()
        place = (status.st_dev, status.st_ino)
        subfolders[:] = [] if place in seen else sorted(name for name in subfolders if not name.startswith("."))
        if place not in seen:
            seen.add(place)
            yield Path(name)


def find_files(source: str | Path) -> list[Path | str]:
    """List what a source names: at least one absolute path or (from lists) URL.

    Args:
        source: a file; a folder (its pictures, then its videos, each sorted; neither hidden files nor folders within);
            a pattern with ``*`` (``**`` recursive); or a ``.txt`` or ``.csv`` list.

    Raises:
        SourceNotFoundError: nothing of that name exists, or there is no picture or video in it.
        SourceValueError: a list that is no text.
        UnreadableImageError: a list that may not be read.
    """
    path = Path(source).expanduser()
    if not exists(path):
        if glob.has_magic(str(source)):
            return _find_by_pattern(path)
        raise SourceNotFoundError(_not_found(path))
    if path.is_dir():
        return _list_folder(path)
    return _read_list(path) if path.suffix.lower() in LIST_SUFFIXES else [path.absolute()]


def _list_folder(folder: Path) -> list[Path | str]:
    files = [path for path in _members(folder.absolute()) if path.is_file() and not path.name.startswith(".")]
    found: list[Path | str] = []
    for suffixes in (IMAGE_SUFFIXES, VIDEO_SUFFIXES):
        found += [path for path in files if path.suffix.lower() in suffixes]
    if not found:
        raise SourceNotFoundError(f"{folder}: the folder holds no {list_formats()}")
    return found


def _members(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SourceNotFoundError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _find_by_pattern(pattern: Path) -> list[Path | str]:
    paths = expand_pattern(pattern.absolute())
    found: list[Path | str] = [path for path in paths if media_kind(path) and path.is_file()]
    if not found:
        raise SourceNotFoundError(f"{pattern}: the pattern matches no {list_formats()}")
    return found


def _read_list(path: Path) -> list[Path | str]:
    entries = _entries(path)
    if not entries:
        raise SourceNotFoundError(f"{path}: the list is empty; it must name {list_formats()}")
    return [entry if is_url(entry) else _locate(entry, path) for entry in entries]


def _entries(path: Path) -> list[str]:
    """Return the non-empty lines of a text list, or the ``source`` (else the first) column of a CSV."""
    text = read_text(path)
    if path.suffix.lower() == ".txt":
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
    except csv.Error as error:
        raise SourceValueError(f"{path}: the list is no CSV ({error})") from error
    column = 0
    if rows and "source" in (header := [cell.lower() for cell in rows[0]]):
        column = header.index("source")
        rows = rows[1:]
    return [row[column] for row in rows if len(row) > column and row[column]]


def _locate(entry: str, list_file: Path) -> Path:
    path = Path(entry).expanduser()
    for candidate in (path, list_file.parent / path):
        if exists(candidate):
            return candidate.absolute()
    raise SourceNotFoundError(
        f"{list_file}: its entry {entry} exists neither in the working directory nor beside the list"
    )


def _not_found(path: Path) -> str:
    folder = path.absolute().parent
    if not exists(folder):
        return f"{path}: no such file or folder (there is no folder {folder} either)"
    if not folder.is_dir():
        return f"{path}: no such file ({folder} is no folder)"
    others = [other.name for other in _members(folder)]
    if path.name in others:
        return f"{path}: is a link to a place that does not exist"
    near = difflib.get_close_matches(path.name, others, n=3)
    return f"{path}: no such file or folder" + (f"; near names: {', '.join(near)}" if near else "")


@dataclass(frozen=True)
class _Options:
    batch: int
    vid_stride: int
    stream_buffer: bool
    download_dir: Path

    def streams(self, addresses: Sequence[str | int]) -> Source:
        return StreamSource(addresses, vid_stride=self.vid_stride, stream_buffer=self.stream_buffer)

    def files(self, entries: Sequence[Path | str], image_batch: int) -> Source:
        return FileSource(
            entries,
            image_batch=image_batch,
            video_batch=self.batch,
            vid_stride=self.vid_stride,
            download_dir=self.download_dir,
        )


def open_source(
    source: Any, *, batch: int = 1, vid_stride: int = 1, stream_buffer: bool = False, download_dir: Path
) -> Source:
    """Make a `Source` of anything that predict accepts: files are found at once, but opened only when it is iterated.

    Args:
        source: text or path of a picture, video, folder, pattern with ``*``, ``.txt`` or ``.csv`` list of files or
            ``.streams`` list of streams; a URL of a file (downloaded) or of a stream; a webcam number such as 0 or
            "0"; "screen", "screen NUMBER", "screen [NUMBER] X Y WIDTH HEIGHT"; a PIL image; a BGR array; a tensor
            (B, 3, H, W); a list of paths, URLs, PIL images and arrays. A file or folder that exists is preferred
            to the word "screen".
        batch: pictures or frames per batch. A list, a tensor and a set of streams are one batch each, whatever this is.
        vid_stride: of how many video frames one is kept.
        stream_buffer: whether live frames queue up; else the newest is taken.
        download_dir: folder for downloaded files.

    Raises:
        SourceNotFoundError: a file does not exist, or a folder or list holds nothing usable.
        SourceTypeError: an object of another type.
        SourceValueError: an unusable tensor, list file or screen region.
        UnreadableImageError: a list file that may not be read.
        SettingError: `batch` or `vid_stride` below 1.
        DownloadError: a web server that has to be asked what its URL is does not answer.
    """
    for name, value in (("batch", batch), ("vid_stride", vid_stride)):
        if value < 1:
            raise SettingError(f"{name}={value}: must be at least 1")
    options = _Options(batch, vid_stride, stream_buffer, download_dir)
    if isinstance(source, str | os.PathLike):
        return _open_text(os.fspath(source), options)
    if isinstance(source, int) and not isinstance(source, bool):
        return options.streams([source])
    if is_tensor(source):
        return TensorSource(source)
    if is_in_memory(source):
        return MemorySource([source], download_dir=download_dir)
    if isinstance(source, list | tuple):
        return _open_list(source, options)
    raise SourceTypeError(f"source of type {type(source).__name__} cannot be read: pass {_ACCEPTED}")


def _open_text(text: Any, options: _Options) -> Source:
    if not isinstance(text, str):
        raise SourceTypeError(f"source path of type {type(text).__name__} cannot be read: pass text or a pathlib.Path")
    if text.isdecimal():
        return options.streams([int(text)])
    if is_url(text):
        is_file = not is_live_url(text) and (is_media_url(text) or serves_picture(text))
        return options.files([text], options.batch) if is_file else options.streams([text])
    if text.lower().endswith(".streams"):
        return options.streams(read_stream_list(Path(text).expanduser()))
    if text.split()[:1] == ["screen"] and not exists(text):
        return parse_screen(text)
    return options.files(find_files(text), options.batch)


def _open_list(items: Sequence[Any], options: _Options) -> Source:
    if not items:
        raise SourceNotFoundError(
            f"the list of sources is empty: it must name {list_formats()}, or hold PIL images or arrays"
        )
    entries: list[Any] = []
    for index, item in enumerate(items):
        entries += _list_entries(item, index)
    if all(isinstance(entry, str | Path) for entry in entries):
        return options.files(entries, len(entries))
    for entry in entries:
        if isinstance(entry, str | Path) and media_kind(entry) == "video":
            raise SourceTypeError(
                f"{entry}: a video cannot stand in one list with arrays or PIL images; predict on it alone"
            )
    return MemorySource(entries, download_dir=options.download_dir)


def _list_entries(item: Any, index: int) -> list[Any]:
    """Return what one item of a list stands for: itself, or the files that its path names."""
    if is_in_memory(item) or (isinstance(item, str) and is_url(item)):
        return [item]
    if isinstance(item, str | Path):
        return list(find_files(item))
    if is_tensor(item):
        raise SourceTypeError(
            f"item {index} of the source list is a tensor: pass one tensor (B, 3, H, W) instead of a list"
        )
    raise SourceTypeError(f"item {index} of the source list has type {type(item).__name__}: pass {_ACCEPTED}")
