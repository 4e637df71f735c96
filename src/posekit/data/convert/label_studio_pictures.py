"""Which picture a task of Label Studio is about, where it lies, and how large it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from posekit.data.coco.picture_search import PictureSearch
from posekit.data.coco.values import UnusableValueError, is_number
from posekit.data.picture_header import picture_size
from posekit.errors import PosekitError
from posekit.io.formats import media_kind

_USUAL_KEYS = ("image", "img")
# Uploaded files get eight characters and a dash before their name.
_PREFIX_LENGTH = 9
_UPLOADS = "data/upload/"


def picture_name(task: Mapping[str, Any]) -> str:
    """Return the name of a task's picture without what is Label Studio's own, "/" between folders.

    ``/data/local-files/?d=dogs/1.jpg`` is ``dogs/1.jpg``; of addresses and bucket names the path is left.

    Raises:
        UnusableValueError: the task names no picture, or several.
    """
    data = task.get("data")
    values = data if isinstance(data, dict) else {}
    names = {key: _path_of(value) for key, value in values.items() if isinstance(value, str)}
    pictures = {key: name for key, name in names.items() if media_kind(name) == "image"}
    usual = next((pictures[key] for key in _USUAL_KEYS if key in pictures), None)
    if usual is None and len(set(pictures.values())) != 1:
        text = f"names {len(pictures)} files with the suffix of a picture; it must be one, or stand under 'image'"
        raise UnusableValueError("data", text, "no_picture_name")
    return usual or next(iter(pictures.values()))


def find_picture(search: PictureSearch, task: Mapping[str, Any], name: str) -> Path | None:
    """Return the picture on disk: under its name, that of the upload, or that without the prefix of an upload."""
    upload = task.get("file_upload")
    path = PurePosixPath(name)
    names = [name, upload if isinstance(upload, str) else "", str(path.with_name(path.name[_PREFIX_LENGTH:] or "-"))]
    if path.name[_PREFIX_LENGTH - 1 : _PREFIX_LENGTH] != "-":
        names.pop()
    found = (search.find(name) for name in names if name)
    return next((path for path in found if path is not None), None)


def pixels_of(results: Sequence[Any], path: Path | None) -> tuple[int, int]:
    """Return (h, w) of a picture as its regions state it, else as the file says.

    Raises:
        UnusableValueError: the regions do not say it, and the file is not there or cannot be read; or they say
            that the picture was turned while it was labelled.
    """
    entries = [entry for entry in results if isinstance(entry, dict)]
    if any(entry.get("image_rotation") not in (None, 0) for entry in entries):
        text = "says that the picture was turned for labelling: posekit cannot tell its coordinates"
        raise UnusableValueError("image_rotation", text, "turned_picture")
    for entry in entries:
        sides = entry.get("original_height"), entry.get("original_width")
        if all(is_number(side) and side >= 1 and side == int(side) for side in sides):
            return int(sides[0]), int(sides[1])  # type: ignore[arg-type]  # checked just above
    if path is None:
        text = "is not known: no region states it, and the picture is not beside the export; name its folder, images="
        raise UnusableValueError("the size of the picture", text, "no_size")
    try:
        return picture_size(str(path))
    except PosekitError as error:
        raise UnusableValueError("the picture", f"cannot be read ({error})", "unreadable_picture") from error


def _path_of(address: str) -> str:
    """Return the path in an address, unquoted; a plain path stays as it is."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    local = parse_qs(parts.query).get("d") if parts.path.rstrip("/").endswith("local-files") else None
    path = local[0] if local else unquote(parts.path) if parts.scheme or address.startswith("/data/") else address
    if "\0" in path:
        return ""
    path = path.replace("\\", "/").lstrip("/")
    return PurePosixPath(path).name if path.startswith(_UPLOADS) else path
