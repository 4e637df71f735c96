"""Open whatever a user may hand to predict."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posekit.errors import SettingError, SourceNotFoundError, SourceTypeError
from posekit.io.base import Source
from posekit.io.file_source import FileSource
from posekit.io.files import exists, find_files
from posekit.io.formats import list_formats, media_kind
from posekit.io.memory import MemorySource, TensorSource, is_in_memory, is_tensor
from posekit.io.screen import parse_screen
from posekit.io.streams import StreamSource, read_stream_list
from posekit.io.urls import is_live_url, is_media_url, is_url, serves_picture

_ACCEPTED = (
    "a path, folder, pattern, list file, URL, webcam number, 'screen', 'figures', a PIL image, "
    "a NumPy array (H, W, 3) in BGR, a torch tensor (B, 3, H, W), or a list of paths, PIL images and arrays"
)


@dataclass(frozen=True)
class _Options:
    batch: int
    vid_stride: int
    stream_buffer: bool
    download_dir: Path


def open_source(
    source: Any, *, batch: int = 1, vid_stride: int = 1, stream_buffer: bool = False, download_dir: Path
) -> Source:
    """Make a `Source` of anything that predict accepts.

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

    Returns:
        The source; files are found already, but opened only when it is iterated.

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
        return _open_streams([source], options)
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
        return _open_streams([int(text)], options)
    if is_url(text):
        return _open_url(text, options)
    if text.lower().endswith(".streams"):
        return _open_streams(read_stream_list(Path(text).expanduser()), options)
    if text.split()[:1] == ["screen"] and not exists(text):
        return parse_screen(text)
    return _open_files(find_files(text), options.batch, options)


def _open_url(url: str, options: _Options) -> Source:
    if is_live_url(url) or not (is_media_url(url) or serves_picture(url)):
        return _open_streams([url], options)
    return _open_files([url], options.batch, options)


def _open_streams(addresses: Sequence[str | int], options: _Options) -> Source:
    return StreamSource(addresses, vid_stride=options.vid_stride, stream_buffer=options.stream_buffer)


def _open_files(entries: Sequence[Path | str], image_batch: int, options: _Options) -> Source:
    return FileSource(
        entries,
        image_batch=image_batch,
        video_batch=options.batch,
        vid_stride=options.vid_stride,
        download_dir=options.download_dir,
    )


def _open_list(items: Sequence[Any], options: _Options) -> Source:
    if not items:
        raise SourceNotFoundError(
            f"the list of sources is empty: it must name {list_formats()}, or hold PIL images or arrays"
        )
    entries: list[Any] = []
    for index, item in enumerate(items):
        entries += _list_entries(item, index)
    if all(isinstance(entry, str | Path) for entry in entries):
        return _open_files(entries, len(entries), options)
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
