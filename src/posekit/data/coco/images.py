"""The ``images`` of a COCO file: which pictures there are, and how large."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posekit.data.coco.values import UnusableValueError, is_number, quote, read_key
from posekit.data.problem_list import ProblemList


@dataclass(frozen=True, kw_only=True)
class ImageEntry:
    """One entry of ``images``.

    Attributes:
        image_id: what annotations call it.
        file_name: as it stands in the file, with "/" between folders.
        size: (h, w) in pixels.
    """

    image_id: int | str
    file_name: str
    size: tuple[int, int]


def read_images(
    entries: Sequence[Any],
    objects: Mapping[int | str, int],
    size_of_file: Callable[[str], tuple[int, int] | None],
    problems: ProblemList,
) -> dict[int | str, ImageEntry]:
    """Return the usable pictures by their id, in the order of the file.

    Args:
        entries: the list ``images``.
        objects: how many annotations name each id; those of a picture that is left out are counted with it.
        size_of_file: gives (h, w) of the picture file of a name, for entries without a size; None when not found.
        problems: takes one problem for each entry that is left out.
    """
    found: dict[int | str, ImageEntry] = {}
    claimed: set[int | str] = set()
    for position, entry in enumerate(entries):
        place = f"images[{position}]"
        image_id = _peek_id(entry)
        first = image_id is not None and image_id not in claimed
        try:
            if image_id in claimed:
                text = f"is {quote(image_id)} again: each picture needs its own; annotations go to the first"
                raise UnusableValueError("id", text, "duplicate_image_id")
            key, file_name, size = _read_entry(entry)
            size = size or _size_from_file(file_name, size_of_file, place, problems)
            found[key] = ImageEntry(image_id=key, file_name=file_name, size=size)
        except UnusableValueError as error:
            lost = objects.get(image_id, 0) if first and image_id is not None else 0
            error.add_to(problems, place, objects=lost, picture=True)
        if image_id is not None:
            claimed.add(image_id)
    return found


def claimed_ids(entries: Sequence[Any]) -> set[int | str]:
    """Return the ids that the entries have, those of unusable entries included."""
    return {image_id for entry in entries if (image_id := _peek_id(entry)) is not None}


def _peek_id(entry: Any) -> int | str | None:
    """Return the id of an entry that may be unusable otherwise."""
    try:
        return read_key(entry.get("id"), "id", "") if isinstance(entry, dict) else None
    except UnusableValueError:
        return None


def _read_entry(entry: Any) -> tuple[int | str, str, tuple[int, int] | None]:
    """Return id, file name and size; no size when the entry has neither side."""
    if not isinstance(entry, dict):
        raise UnusableValueError("id", f"the entry is {quote(entry)}, not a dictionary", "bad_image")
    image_id = read_key(entry.get("id"), "id", "bad_image_id")
    file_name = entry.get("file_name")
    if not isinstance(file_name, str) or not file_name.strip() or "\0" in file_name:
        raise UnusableValueError("file_name", f"is {quote(file_name)}, not the name of a file", "bad_file_name")
    # Exports from Windows separate folders by backslashes.
    return image_id, file_name.replace("\\", "/"), _read_size(entry)


def _read_size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (h, w); None when the entry has neither side."""
    height, width = entry.get("height"), entry.get("width")
    if height is None and width is None:
        return None
    return _read_side("height", height), _read_side("width", width)


def _read_side(key: str, side: Any) -> int:
    if not is_number(side) or side < 1 or side != int(side):
        raise UnusableValueError(key, f"is {quote(side)}, not a number of pixels of at least 1", "bad_size")
    return int(side)


def _size_from_file(
    file_name: str, size_of_file: Callable[[str], tuple[int, int] | None], place: str, problems: ProblemList
) -> tuple[int, int]:
    size = size_of_file(file_name)
    if size is None:
        text = "is missing, and there is no readable picture file to take it from"
        raise UnusableValueError("height", text, "no_size")
    problems.add(f"{place}.height", "is missing: the size of the picture file is used", "size_from_picture")
    return size
