"""Which pictures a split of a data set names, and where the label file of a picture lies."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from posekit.data.annotation import PictureAnnotation
from posekit.errors import DatasetNotFoundError, PosekitError, SettingError
from posekit.files.magic import IMAGE_SUFFIXES
from posekit.files.problems import ProblemList
from posekit.files.reading import read_text
from posekit.io.decode import picture_size

_PARTS_OF_A_NAME = ("person_keypoints_", "instances_", "annotations_")


def list_pictures(places: Sequence[Path]) -> list[str]:
    """List the picture files of folders and text lists, sorted by path.

    Args:
        places: folders (with all folders within; hidden files and folders are passed over), text lists with one
            path per line (``./`` and paths that do not exist from the working directory count from the list's
            folder), or single pictures. Only files with the suffix of a picture count.

    Returns:
        At least one path. That the entries of a list exist is not checked here.

    Raises:
        DatasetNotFoundError: a place does not exist, cannot be read, or names no picture.
    """
    return sorted(name for place in places for name in _pictures_of(place))


def share(count: int, fraction: float) -> int:
    """Return how many of `count` things to take, at least one: up to 1.0 a share, a whole number above 1 a count.

    Raises:
        SettingError: a fraction that is neither.
    """
    if isinstance(fraction, int) and fraction > 1:
        return min(fraction, count)
    if not 0 < fraction <= 1:
        raise SettingError(
            f"fraction={fraction}: expected a share above 0 and up to 1.0, or a whole number of pictures"
        )
    return min(max(round(count * fraction), 1), count)


def label_file_name(picture: str) -> str:
    """Return where the label file of a picture lies: in ``labels`` for the last folder ``images``, else beside it."""
    folder, name = os.path.split(picture)
    before, images, after = f"{folder}{os.sep}".rpartition(f"{os.sep}images{os.sep}")
    if images:
        folder = f"{before}{os.sep}labels{os.sep}{after}"
    return os.path.join(folder, f"{os.path.splitext(name)[0]}.txt")  # noqa: PTH118, PTH122 - many files: text is faster


def _pictures_of(place: Path) -> list[str]:
    kind = "list names"
    if place.is_dir():
        kind, names = "folder holds", list(_walk(str(place), set()))
    elif not place.exists():
        raise DatasetNotFoundError(f"{place}: no such file or folder")
    elif _is_picture(place.name):
        names = [str(place)]
    else:
        try:
            lines = [line.strip() for line in read_text(place).splitlines()]
        except PosekitError as error:
            raise DatasetNotFoundError(
                f"{error}; a split is a folder of pictures or a text file that lists them"
            ) from error
        names = [_located(line, place.parent) for line in lines if line]
    found = [name for name in names if _is_picture(name)]
    if not found:
        suffixes = " ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise DatasetNotFoundError(f"{place}: the {kind} no picture; pictures end in one of {suffixes}")
    return found


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - as above


def _located(entry: str, folder: Path) -> str:
    if entry.startswith("./") or not os.path.lexists(entry):
        return str(folder / entry)
    return str(Path(entry).absolute())


def _walk(folder: str, above: set[tuple[int, int]]) -> Iterator[str]:
    """Yield all files below `folder`, through links too; `above` are the folders on the way, against circles."""
    try:
        status = os.stat(folder)  # noqa: PTH116 - as above
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise DatasetNotFoundError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in entries:
        if _is_folder(entry):
            yield from _walk(entry.path, above | {here})
        else:
            yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: what is wrong with it is said where it is opened
        return False


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
        """Return the absolute path of a picture, "/" between its folders; None when it is in none of the places."""
        parts = Path(file_name).parts
        candidates = ((folder, skipped) for skipped in range(len(parts)) for folder in self._folders)
        for folder, skipped in candidates:
            path = folder.joinpath(*parts[skipped:])
            if os.path.isfile(path):  # noqa: PTH113 - as above, and names that no file can have are none
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


def usable_pictures(pictures: Iterable[PictureAnnotation], problems: ProblemList) -> Iterator[PictureAnnotation]:
    """Yield the pictures that can be used; of the others `problems` takes one problem each, with their objects."""
    for picture in pictures:
        reason = _why_unusable(picture)
        if reason is None:
            yield picture
        else:
            text, code = reason
            problems.add(picture.file_name, text, code, objects=len(picture.objects), picture=True)


def _why_unusable(picture: PictureAnnotation) -> tuple[str, str] | None:
    """Return what is wrong with the file of a picture, and its code."""
    if picture.path is None:
        return "there is no such picture in the folders that were searched", "picture_not_found"
    try:
        size = picture_size(str(picture.path))
    except PosekitError as error:
        return str(error), "unreadable_picture"
    if size == picture.size:
        return None
    (height, width), (said_height, said_width) = size, picture.size
    text = f"the picture has {width} x {height} pixels, but its annotations were made for {said_width} x {said_height}"
    if size == picture.size[::-1]:
        text += (
            " (width and height are swapped: were they made before the picture's EXIF orientation was applied? "
            "Store the picture upright, as the annotations have it)"
        )
    return text, "size_mismatch"
