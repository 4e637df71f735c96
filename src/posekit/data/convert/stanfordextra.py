"""Reads the JSON of StanfordExtra: dogs with 24 keypoints and a mask."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posekit.data.annotation import AnnotationSet, PictureAnnotation
from posekit.data.coco.fields import read_box, read_parts, read_side
from posekit.data.convert.objects import NamedObject, NamedPicture, NamedPoint, NamedSchema, number_objects
from posekit.data.find_pictures import PictureSearch
from posekit.errors import DatasetError, PosekitError
from posekit.files.problems import ProblemList
from posekit.files.reading import read_json, read_text
from posekit.files.values import UnusableValueError, quote, read_numbers

DOG = "dog"
NAMES_FILE = "keypoint_definitions.csv"

# The pictures of the sample that the set is shown with, and those of Stanford Dogs that it is made for.
_PICTURE_FOLDERS = ("sample_imgs", "Images")

# The names of the set itself, as its file of definitions has them.
POINTS = (
    "Left front leg: paw", "Left front leg: middle joint", "Left front leg: top",
    "Left rear leg: paw", "Left rear leg: middle joint", "Left rear leg: top",
    "Right front leg: paw", "Right front leg: middle joint", "Right front leg: top",
    "Right rear leg: paw", "Right rear leg: middle joint", "Right rear leg: top",
    "Tail start", "Tail end", "Base of left ear", "Base of right ear", "Nose", "Chin", "Left ear tip",
    "Right ear tip", "Left eye", "Right eye", "Withers", "Throat",
)  # fmt: skip

# The set draws no limbs; these are the legs from paw to top, the tail, the ears and the muzzle.
LIMBS = tuple((POINTS[a], POINTS[b]) for a, b in (
    (0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11), (12, 13), (14, 18), (15, 19), (16, 17),
))  # fmt: skip


def read_stanfordextra(source: Path, *, images: Path | None = None) -> AnnotationSet:
    """Read a JSON file of StanfordExtra; its pictures are looked for in ``Images`` and ``sample_imgs`` beside it, too.

    Point names come from ``keypoint_definitions.csv`` beside the file; without that they are the published ones.
    """
    entries = read_json(source)
    if not isinstance(entries, list) or not entries or not _is_dog(entries[0]):
        raise DatasetError(f"{source}: is no list of dogs as StanfordExtra has it (img_path, joints, img_bbox, seg)")
    names = _point_names(source.absolute().parent / NAMES_FILE)
    problems = ProblemList(str(source))
    folders = [source.absolute().parent / name for name in _PICTURE_FOLDERS]
    search = PictureSearch(source, folders if images is None else [images, *folders])
    pictures: dict[str, NamedPicture] = {}
    for number, entry in enumerate(entries):
        try:
            picture = _read_dog(entry, f"entry {number}", names, search, problems)
        except UnusableValueError as error:
            text = f"{error.field} {error.message}: the dog is left out"
            problems.add(f"entry {number}", text, error.code, objects=1)
            continue
        _append(pictures, picture, problems)
    return number_objects(pictures.values(), NamedSchema(classes=[DOG], points=names, limbs=LIMBS), problems)


def _is_dog(entry: Any) -> bool:
    return isinstance(entry, dict) and {"img_path", "joints"} <= entry.keys()


def _point_names(path: Path) -> Sequence[str]:
    if not path.is_file():
        return POINTS
    try:
        rows = list(csv.DictReader(read_text(path).splitlines()))
        names = [row["Name"].strip() for row in sorted(rows, key=lambda row: int(row["Index"]))]
    except (PosekitError, csv.Error, KeyError, ValueError, AttributeError, TypeError) as error:
        raise DatasetError(f"{path}: cannot be read as a table with the columns Index and Name ({error})") from error
    if not names or len(set(names)) != len(names):
        raise DatasetError(f"{path}: names {'a point twice' if names else 'no point'}")
    return names


def _read_dog(
    entry: Any, place: str, names: Sequence[str], search: PictureSearch, problems: ProblemList
) -> NamedPicture:
    if not _is_dog(entry):
        raise UnusableValueError("the entry", "has no img_path or no joints", "bad_entry")
    name = entry["img_path"]
    if not isinstance(name, str) or not name or "\0" in name:
        raise UnusableValueError("img_path", f"is {quote(name)}, not the name of a file", "bad_file_name")
    size = read_side(entry, "img_height"), read_side(entry, "img_width")
    if entry.get("is_multiple_dogs"):
        problems.tally(name, "other dogs on the picture are not labelled", "unlabelled_dogs", left_out=False)
    dog = NamedObject(
        label=DOG,
        place=place,
        box=read_box(entry.get("img_bbox")),
        points=_joints(entry["joints"], names),
        parts=read_parts(_mask(entry.get("seg"), size), size),
    )
    return PictureAnnotation(file_name=name, path=search.find(name), size=size), (dog,)


def _mask(value: Any, size: tuple[int, int]) -> Any:
    """Return the mask in the form of COCO; the set leaves away its size, which is that of the picture."""
    return {"size": list(size), "counts": value} if isinstance(value, str | list) and value else value


def _joints(value: Any, names: Sequence[str]) -> dict[str, NamedPoint]:
    if not isinstance(value, list) or len(value) != len(names):
        raise UnusableValueError("joints", f"is {quote(value)}, not a list of {len(names)} joints", "bad_joints")
    points = {}
    for name, joint in zip(names, value, strict=True):
        numbers = read_numbers(joint, f"joint '{name}'", "bad_joints")
        if len(numbers) != 3:
            raise UnusableValueError(f"joint '{name}'", "is not x, y, visibility", "bad_joints")
        if numbers[2] > 0:
            points[name] = NamedPoint(x=numbers[0], y=numbers[1])
    return points


def _append(pictures: dict[str, NamedPicture], added: NamedPicture, problems: ProblemList) -> None:
    """Add a dog to its picture."""
    picture, dogs = added
    known, others = pictures.setdefault(picture.file_name, (picture, ()))
    if known.size != picture.size:
        text = f"gives {picture.file_name} another size than the entry before: the dog is left out"
        problems.add(dogs[0].place, text, "bad_size", objects=1)
        return
    pictures[picture.file_name] = known, (*others, *dogs)
