"""Finds the pictures of a COCO file by id, by file name or by path."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Any

from posekit.errors import DatasetError
from posekit.metrics.coco_fields import Key, looked_up


@dataclass(frozen=True, kw_only=True)
class TruthPicture:
    """One picture of a COCO file.

    Attributes:
        number: 1, 2, ... in rising order of the ids where they are numbers, else in the order of the file.
        identity: id in the file.
        file_name: as in the file; empty when it gives none.
        size: (h, w) in pixels; None when the file does not say.
    """

    number: int
    identity: Key
    file_name: str
    size: tuple[int, int] | None


class PictureIndex:
    """Finds pictures; of several with the same file name, the one whose folders agree furthest.

    Args:
        pictures: all pictures of a COCO file.
    """

    def __init__(self, pictures: Iterable[TruthPicture]) -> None:
        self._by_id: dict[Key, int] = {}
        self._by_name: dict[str, list[tuple[tuple[str, ...], int]]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for picture in pictures:
            self._by_id[picture.identity] = picture.number
            parts = _folders_first_last(picture.file_name)
            if parts:
                self._by_name[parts[0]].append((parts, picture.number))
                self._by_stem[PurePath(parts[0]).stem].append(picture.number)

    def number(self, picture: Key) -> int:
        """Return the number of a picture.

        Args:
            picture: path or file name, else the id, else the file name without ending.

        Raises:
            DatasetError: no picture is meant, or several could be.
        """
        found = self._named(picture) if isinstance(picture, str) else None
        if found is None:
            found = looked_up(self._by_id, picture)
        if found is None and isinstance(picture, str):
            same_stem = self._by_stem.get(picture, [])
            found = same_stem[0] if len(same_stem) == 1 else None
        if found is None:
            raise DatasetError(f"picture {picture!r} is not among the {len(self._by_id)} images of the COCO truth")
        return found

    def number_of_row(self, file_name: Any, identity: Any) -> int:
        """Return the number of the picture that a prediction row names; its file name counts first, if it is unique.

        Raises:
            DatasetError: no picture is meant.
        """
        if isinstance(file_name, str) and len(self._by_name.get(PurePath(file_name).name, [])) == 1:
            return self.number(file_name)
        return self.number(identity)

    def _named(self, path: str) -> int | None:
        parts = _folders_first_last(path)
        candidates = self._by_name.get(parts[0], []) if parts else []
        if len(candidates) < 2:
            return candidates[0][1] if candidates else None
        agreeing = [(_agreement(parts, theirs), number) for theirs, number in candidates]
        best = max(agreement for agreement, _ in agreeing)
        numbers = [number for agreement, number in agreeing if agreement == best]
        if len(numbers) > 1:
            raise DatasetError(f"picture {path!r} could be any of {len(numbers)} images of that name in the COCO truth")
        return numbers[0]


def _folders_first_last(path: str) -> tuple[str, ...]:
    """Return the parts of a path from its file name upwards."""
    return PurePosixPath(path.replace("\\", "/")).parts[::-1]


def _agreement(path: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many parts agree, from the file name upwards."""
    return next((i for i, (a, b) in enumerate(zip(path, other, strict=False)) if a != b), min(len(path), len(other)))
