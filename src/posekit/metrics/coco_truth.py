"""COCO ground truth, checked and brought into the form that the evaluator takes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posekit.errors import DatasetError
from posekit.files.json_file import load_json
from posekit.metrics.coco_fields import Key, finite, identifier, looked_up
from posekit.metrics.coco_objects import Fields, ObjectForm, clean_object
from posekit.metrics.coco_pictures import PictureIndex, TruthPicture
from posekit.metrics.coco_points import points_of_categories


@dataclass(frozen=True, kw_only=True, eq=False)
class CocoTruth:
    """The pictures, categories and objects of a COCO file; pictures and categories are numbered 1, 2, ...

    The evaluator takes whole numbers only, while files hold text ids, ids written as 7.0, and objects with the id 0,
    which COCO's own evaluator takes for "not found". Numbers in rising order of the ids keep its order of pictures.

    Attributes:
        pictures: in rising order of their numbers.
        index: finds them.
        categories: number of each category id.
        names: name of each category number.
        objects: the objects of each picture number, in the order of the file.
        points_of: number of keypoints of each category number.
        outlines: whether objects have the outlines that masks are scored against.
        problems: one sentence for each thing that was mended or left out.
    """

    pictures: tuple[TruthPicture, ...]
    index: PictureIndex
    categories: Mapping[Key, int]
    names: Mapping[int, str]
    objects: Mapping[int, Sequence[Fields]]
    points_of: Mapping[int, int]
    outlines: bool
    problems: tuple[str, ...]

    @property
    def points(self) -> int:
        """K, the number of keypoints of the categories that have most; 0 when no object has keypoints."""
        return max(self.points_of.values(), default=0)


def read_truth(source: Path | str | Mapping[str, Any], *, outlines: bool = False) -> CocoTruth:
    """Read COCO ground truth; entries that cannot be used are left out or mended, and named in `problems`.

    Args:
        source: a JSON file, or what it holds.
        outlines: whether masks will be scored.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it is not JSON, not COCO's form, or lacks picture sizes that outlines need.
    """
    content, name = (source, "COCO truth") if isinstance(source, Mapping) else (load_json(Path(source)), str(source))
    images, categories, annotations = (_entries(content, key, name) for key in ("images", "categories", "annotations"))
    problems: list[str] = []
    pictures = _pictures(images, problems)
    by_id = _categories(categories, problems)
    category_numbers = {key: number for number, key in enumerate(_in_order(by_id), 1)}
    points_of = points_of_categories(annotations, {number: by_id[key] for key, number in category_numbers.items()})
    most = max(points_of.values(), default=0)
    forms = {number: ObjectForm(points=count, padded=most, outlines=outlines) for number, count in points_of.items()}
    numbers = {picture.identity: picture.number for picture in pictures}
    if outlines:
        _check_sizes(pictures, name)
    return CocoTruth(
        pictures=pictures,
        index=PictureIndex(pictures),
        categories=category_numbers,
        names={number: _text(by_id[key].get("name")) or str(key) for key, number in category_numbers.items()},
        objects=_objects(annotations, numbers, category_numbers, forms, problems),
        points_of=points_of,
        outlines=outlines,
        problems=tuple(problems),
    )


def _entries(content: Any, key: str, name: str) -> list[Any]:
    if not isinstance(content, Mapping):
        raise DatasetError(f"{name} holds a {type(content).__name__}, expected an object with images and annotations")
    entries = content.get(key)
    if not isinstance(entries, list):
        found = "is missing" if entries is None else f"is a {type(entries).__name__}"
        raise DatasetError(f"{name}: {key!r} {found}, expected a list")
    return entries


def _pictures(entries: Sequence[Any], problems: list[str]) -> tuple[TruthPicture, ...]:
    found: dict[Key, Mapping[str, Any]] = {}
    for place, entry in enumerate(entries):
        key = identifier(entry.get("id")) if isinstance(entry, Mapping) else None
        if key is None or key in found:
            problems.append(f"images[{place}] has no id of its own: left out")
        else:
            found[key] = entry
    return tuple(
        TruthPicture(number=number, identity=key, file_name=_text(found[key].get("file_name")), size=_size(found[key]))
        for number, key in enumerate(_in_order(found), 1)
    )


def _categories(entries: Sequence[Any], problems: list[str]) -> dict[Key, Mapping[str, Any]]:
    found: dict[Key, Mapping[str, Any]] = {}
    for place, entry in enumerate(entries):
        key = identifier(entry.get("id")) if isinstance(entry, Mapping) else None
        if key is None or key in found:
            problems.append(f"categories[{place}] has no id of its own: left out")
        else:
            found[key] = entry
    return found


def _objects(
    entries: Sequence[Any],
    pictures: Mapping[Key, int],
    categories: Mapping[Key, int],
    forms: Mapping[int, ObjectForm],
    problems: list[str],
) -> dict[int, list[Fields]]:
    objects: dict[int, list[Fields]] = defaultdict(list)
    for place, entry in enumerate(entries):

        def note(message: str, place: int = place) -> None:
            problems.append(f"annotations[{place}] {message}")

        if not isinstance(entry, Mapping):
            note("is no object: left out")
            continue
        picture = looked_up(pictures, entry.get("image_id"))
        category = looked_up(categories, entry.get("category_id"))
        if picture is None or category is None:
            note(f"names an unknown {'picture' if picture is None else 'category'}: left out")
            continue
        cleaned = clean_object(entry, forms[category], note)
        if cleaned is not None:
            objects[picture].append(cleaned | {"id": place + 1, "image_id": picture, "category_id": category})
    return dict(objects)


def _in_order(keys: Mapping[Key, Any]) -> list[Key]:
    numbers = [key for key in keys if isinstance(key, int)]
    return [*sorted(numbers)] if len(numbers) == len(keys) else list(keys)


def _check_sizes(pictures: Sequence[TruthPicture], name: str) -> None:
    for picture in pictures:
        if picture.size is None:
            raise DatasetError(f"{name}: image {picture.identity!r} has no width and height, which masks need")


def _size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = finite(entry.get("height")), finite(entry.get("width"))
    return (int(height), int(width)) if height and width and min(height, width) >= 1 else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
