"""Tell before decoding whether a file can be a video, in clearer words than the decoder has."""

import os
from pathlib import Path
from typing import BinaryIO

from posekit.errors import UnreadableImageError
from posekit.io.binary import read_bytes
from posekit.io.formats import list_formats, media_kind
from posekit.io.magic import HEAD_BYTES, identify


def holds_video(path: Path) -> bool:
    """Tell whether a file is to be read as a video: by its content first, by its suffix where that says nothing.

    A GIF is a video when its suffix is one of a video, and a picture otherwise.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: it may not be read.
    """
    content = identify(read_bytes(path, HEAD_BYTES))
    promised = media_kind(path) == "video"
    if content is None or content.kind == "other":
        return promised
    return content.kind == "video" or (promised and content.format == "GIF")


def check_video(path: Path) -> None:
    """Refuse what the decoder would choke on or take for something else, such as a playlist of other files.

    Raises:
        SourceNotFoundError: there is no such file.
        UnreadableImageError: the file is empty, no known kind of video, or an MP4 without its index.
    """
    head = read_bytes(path, HEAD_BYTES)
    if not head:
        raise UnreadableImageError(f"{path}: the file is empty (0 bytes)")
    content = identify(head)
    # The decoder guesses at what is unknown, and may find a playlist behind a few odd bytes.
    if content is None:
        raise UnreadableImageError(f"{path}: holds no known video format; readable are {list_formats()}")
    if content.kind == "other":
        raise UnreadableImageError(f"{path}: is {content.name}, not a video")
    if "QuickTime" in content.name:
        with path.open("rb") as file:
            if not _has_index(file):
                raise UnreadableImageError(f"{path}: the recording is cut short (its index, the moov box, is missing)")


def _has_index(file: BinaryIO) -> bool:
    """Look for a whole ``moov`` box on the top level of an MP4 or QuickTime file."""
    end = file.seek(0, os.SEEK_END)
    position = 0
    while position + 8 <= end:
        file.seek(position)
        header = file.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if header[4:8] == b"moov":
            return position + size <= end
        if size < 8:
            return False
        position += size
    return False
