"""Finds the pictures that a COCO file names, wherever they lie relative to it."""

from collections.abc import Sequence
from pathlib import Path

_PARTS_OF_A_NAME = ("person_keypoints_", "instances_", "annotations_")


class PictureSearch:
    """Looks for pictures in the folders given, beside the JSON file and one folder above it.

    In each of these places the picture may lie directly, in ``images/``, in ``<split>/`` or in ``images/<split>/``;
    of its name the leading folders are left away one by one. The folder that was right for one picture is tried first
    for the next.

    Args:
        json_path: the COCO file.
        image_dirs: folders to look in first.
    """

    def __init__(self, json_path: Path, image_dirs: Sequence[Path] = ()) -> None:
        beside = json_path.absolute().parent
        splits = _split_names(json_path.stem)
        self.places = tuple(dict.fromkeys(Path(folder).absolute() for folder in (*image_dirs, beside, beside.parent)))
        within = ("", "images", *splits, *(f"images/{split}" for split in splits))
        self._folders = [place / part for place in self.places for part in within]

    def find(self, file_name: str) -> Path | None:
        """Return the absolute path of a picture; None when it is in none of the places.

        Args:
            file_name: as the JSON names it, "/" between folders.
        """
        parts = Path(file_name).parts
        candidates = ((folder, skipped) for skipped in range(len(parts)) for folder in self._folders)
        for folder, skipped in candidates:
            path = folder.joinpath(*parts[skipped:])
            if _is_file(path):
                self._folders.remove(folder)
                self._folders.insert(0, folder)
                return path
        return None


def _split_names(stem: str) -> tuple[str, ...]:
    """Return the names that the picture folder of ``person_keypoints_val2017.json`` may have."""
    name = stem
    for part in _PARTS_OF_A_NAME:
        name = name.removeprefix(part)
    return tuple(dict.fromkeys((name, name.rpartition("_")[2], name.rstrip("0123456789"))))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that the file system cannot have
        return False
