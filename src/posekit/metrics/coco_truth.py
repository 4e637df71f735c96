"""COCO ground truth, checked and brought into the form that the evaluator takes."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.coco.fields import Key, as_polygons, key_of
from posekit.data.coco.write import coco_content, label_annotations
from posekit.data.labels import PictureLabels
from posekit.errors import DatasetError
from posekit.files.problems import ProblemList
from posekit.files.reading import read_json
from posekit.files.values import LARGEST, quote
from posekit.metrics.coco_rows import picture_id
from posekit.metrics.similarity import BOX_FILL
from posekit.ops.polygons import polygon_area
from posekit.schema.schema import KeypointSchema

Fields = dict[str, Any]
Note = Callable[[str], None]
Points = NDArray[np.float64]
Outline = list[list[float]] | Fields  # polygons, or run lengths


def looked_up(table: Mapping[Key, int], value: Any) -> int | None:
    """Return the entry of an id; digits as text and the number they spell stand for each other."""
    key = key_of(value)
    if key is None or key in table:
        return None if key is None else table[key]
    other: Key = str(key) if isinstance(key, int) else int(key) if key.isdecimal() and len(key) < 19 else key
    return table.get(other)


@dataclass(frozen=True, kw_only=True)
class TruthPicture:
    """One picture: its number 1, 2, ..., its id in the file, its name (empty without) and (h, w), if it is stated."""

    number: int
    identity: Key
    file_name: str
    size: tuple[int, int] | None


class PictureIndex:
    """Finds pictures; of several with the same file name, the one whose folders agree furthest."""

    def __init__(self, pictures: Iterable[TruthPicture]) -> None:
        self._by_id: dict[Key, int] = {}
        self._by_name: dict[str, list[tuple[tuple[str, ...], int]]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for picture in pictures:
            self._by_id[picture.identity] = picture.number
            parts = _parts_upwards(picture.file_name)
            if parts:
                self._by_name[parts[0]].append((parts, picture.number))
                self._by_stem[PurePath(parts[0]).stem].append(picture.number)

    def number(self, picture: Key) -> int:
        """Return the number of a picture, named by its path or file name, else its id, else its name without ending.

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
        """Return the number of the picture that a prediction row names; its file name counts first, if it is unique."""
        if isinstance(file_name, str) and len(self._by_name.get(PurePath(file_name).name, [])) == 1:
            return self.number(file_name)
        return self.number(identity)

    def _named(self, path: str) -> int | None:
        parts = _parts_upwards(path)
        candidates = self._by_name.get(parts[0], []) if parts else []
        if len(candidates) < 2:
            return candidates[0][1] if candidates else None
        agreeing = [(_agreement(parts, theirs), number) for theirs, number in candidates]
        best = max(agreement for agreement, _ in agreeing)
        numbers = [number for agreement, number in agreeing if agreement == best]
        if len(numbers) > 1:
            raise DatasetError(f"picture {path!r} could be any of {len(numbers)} images of that name in the COCO truth")
        return numbers[0]


def _parts_upwards(path: str) -> tuple[str, ...]:
    """Return the parts of a path from its file name upwards."""
    return PurePosixPath(path.replace("\\", "/")).parts[::-1]


def _agreement(path: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many parts agree, from the file name upwards."""
    return next((i for i, (a, b) in enumerate(zip(path, other, strict=False)) if a != b), min(len(path), len(other)))


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
    content, name = (source, "COCO truth") if isinstance(source, Mapping) else (read_json(Path(source)), str(source))
    if not isinstance(content, Mapping):
        raise DatasetError(f"{name} holds a {type(content).__name__}, expected an object with images and annotations")
    for key in ("images", "categories", "annotations"):
        if not isinstance(content.get(key), list):
            found = "is missing" if content.get(key) is None else f"is a {type(content[key]).__name__}"
            raise DatasetError(f"{name}: {key!r} {found}, expected a list")
    problems: list[str] = []
    images, categories = (_by_id(content[key], key, problems) for key in ("images", "categories"))
    pictures = tuple(
        TruthPicture(number=number, identity=key, file_name=_name(entry, "file_name"), size=_size(entry))
        for number, (key, entry) in enumerate(images.items(), 1)
    )
    for picture in pictures if outlines else ():
        if picture.size is None:
            raise DatasetError(f"{name}: image {picture.identity!r} has no width and height, which masks need")
    numbers = {key: number for number, key in enumerate(categories, 1)}
    points_of = _points_of_categories(content["annotations"], dict(enumerate(categories.values(), 1)))
    reader = _ObjectReader(
        pictures={picture.identity: picture.number for picture in pictures},
        categories=numbers,
        points_of=points_of,
        outlines=outlines,
        problems=problems,
    )
    objects: dict[int, list[Fields]] = defaultdict(list)
    for place, entry in enumerate(content["annotations"]):
        cleaned = reader.read(entry, place)
        if cleaned is not None:
            objects[cleaned["image_id"]].append(cleaned)
    return CocoTruth(
        pictures=pictures,
        index=PictureIndex(pictures),
        categories=numbers,
        names={numbers[key]: _name(entry, "name") or str(key) for key, entry in categories.items()},
        objects=dict(objects),
        points_of=points_of,
        outlines=outlines,
        problems=tuple(problems),
    )


def _by_id(entries: Sequence[Any], what: str, problems: list[str]) -> dict[Key, Mapping[str, Any]]:
    """Return the entries by id, in rising order where all ids are numbers."""
    found: dict[Key, Mapping[str, Any]] = {}
    for place, entry in enumerate(entries):
        key = key_of(entry.get("id")) if isinstance(entry, Mapping) else None
        if key is None or key in found:
            problems.append(f"{what}[{place}] has no id of its own: left out")
        else:
            found[key] = entry
    numbers = [key for key in found if isinstance(key, int)]
    return {key: found[key] for key in sorted(numbers)} if len(numbers) == len(found) else found


def _size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = _number(entry.get("height")), _number(entry.get("width"))
    return (int(height), int(width)) if height and width and min(height, width) >= 1 else None


def _name(entry: Mapping[str, Any], key: str) -> str:
    return value if isinstance(value := entry.get(key), str) else ""


def _points_of_categories(annotations: Sequence[Any], categories: Mapping[int, Mapping[str, Any]]) -> dict[int, int]:
    """Return the number of points of each category number; 0 for all when nothing has keypoints.

    Categories differ where they list names of different numbers of points. One that lists none gets the highest
    number then: its objects have no points, or as many as those of others. Else all have as many as most objects
    have that have any, of equally frequent numbers the higher.
    """
    named = {
        number: len(entry["keypoints"])
        for number, entry in categories.items()
        if isinstance(entry.get("keypoints"), list) and entry["keypoints"]
    }
    if len(set(named.values())) > 1:
        return dict.fromkeys(categories, max(named.values())) | named
    lengths = Counter(
        len(entry["keypoints"]) // 3
        for entry in annotations
        if isinstance(entry, Mapping) and isinstance(entry.get("keypoints"), list) and entry["keypoints"]
    )
    most_common = max(lengths, key=lambda count: (lengths[count], count), default=0)
    return dict.fromkeys(categories, most_common or max(named.values(), default=0))


@dataclass(frozen=True, kw_only=True)
class _ObjectReader:
    """Brings entries of ``annotations`` into the evaluator's form; what is mended or left out goes to `problems`."""

    pictures: Mapping[Key, int]
    categories: Mapping[Key, int]
    points_of: Mapping[int, int]
    outlines: bool
    problems: list[str]

    def read(self, entry: Any, place: int) -> Fields | None:
        """Return id, image_id, category_id, bbox, area, iscrowd and, where they are scored, keypoints and outline.

        None when the entry names no picture and category, or nothing says where the object is.
        """

        def note(message: str) -> None:
            self.problems.append(f"annotations[{place}] {message}")

        if not isinstance(entry, Mapping):
            note("is no object: left out")
            return None
        picture = looked_up(self.pictures, entry.get("image_id"))
        category = looked_up(self.categories, entry.get("category_id"))
        if picture is None or category is None:
            note(f"names an unknown {'picture' if picture is None else 'category'}: left out")
            return None
        count = self.points_of[category]
        keypoints = self._keypoints(entry.get("keypoints"), count, note)
        box, area = _box(entry.get("bbox"), note), _area(entry.get("area"), note)
        outline = None
        if self.outlines or box is None or area is None:
            outline = _outline(entry.get("segmentation"), note)
        if box is None:
            box = _box_around(keypoints, outline)
        if box is None:
            note("has no usable bbox, and neither points nor an outline to make one from: left out")
            return None
        if area is None:
            area = _outline_area(outline) if outline else BOX_FILL * box[2] * box[3]
        cleaned: Fields = {"id": place + 1, "image_id": picture, "category_id": category, "bbox": box, "area": area}
        cleaned["iscrowd"] = _crowd(entry.get("iscrowd"), note)
        if count:
            cleaned |= _keypoint_fields(keypoints, count, entry.get("num_keypoints"))
        if self.outlines:
            cleaned |= _outline_fields(outline, box, note)
        return cleaned

    def _keypoints(self, value: Any, count: int, note: Note) -> Points | None:
        """Return (K, 3) x, y, visibility with unusable points unlabelled; None when there are none.

        An object may list as many points as the category that has most; the first K count.
        """
        if not count or value is None or value == []:
            return None
        numbers = _numbers(value)
        if numbers is None or len(numbers) not in (3 * count, 3 * max(self.points_of.values())):
            note(f"keypoints are not a flat list of {3 * count} numbers, x, y and visibility {count} times: not used")
            return None
        points = numbers.reshape(-1, 3)[:count]
        unusable = np.isnan(points).any(1)
        if unusable.any():
            note("keypoints with something else than finite numbers are taken for unlabelled")
            points[unusable] = 0
        return points


def _number(value: Any) -> float | None:
    """Return a number as float; None for anything else, and for numbers of 1e9 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        return None
    return float(value)


def _numbers(value: Any) -> Points | None:
    """Return a flat list as (n,) float64, with NaN where an entry is no number below 1e9; None when it is none."""
    if not isinstance(value, list):
        return None
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([math.nan if (number := _number(entry)) is None else number for entry in value])
    if numbers.ndim != 1:
        return None
    numbers[~(np.abs(numbers) < LARGEST)] = math.nan
    return numbers


def _box(value: Any, note: Note) -> list[float] | None:
    if value is None:
        return None
    numbers = _numbers(value)
    if numbers is None or numbers.shape != (4,) or np.isnan(numbers).any() or (numbers[2:] < 0).any():
        note(f"bbox {quote(value)} is not [x, y, width, height]")
        return None
    sides: list[float] = numbers.tolist()
    return sides


def _area(value: Any, note: Note) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LARGEST**2:
        return float(value)
    note(f"area {quote(value)} is not a number of pixels")
    return None


def _crowd(value: Any, note: Note) -> int:
    if value is None:
        return 0
    if not isinstance(value, bool | int | float) or value != value:
        note(f"iscrowd {quote(value)} is neither 0 nor 1: taken for 0")
        return 0
    return int(value != 0)


def _outline(value: Any, note: Note) -> Outline | None:
    if value is None or value == []:
        return None
    if isinstance(value, dict):
        from hotcoco.mask import area

        run_lengths = {"size": value.get("size"), "counts": value.get("counts")}
        try:
            area(run_lengths)
        except (ValueError, TypeError, OverflowError) as error:
            note(f"segmentation cannot be used: {error}")
            return None
        return run_lengths
    parts = [_numbers(part) for part in as_polygons(value)] if isinstance(value, list) else []
    usable = [
        part.tolist()
        for part in parts
        if part is not None and part.size >= 6 and part.size % 2 == 0 and not np.isnan(part).any()
    ]
    if len(usable) < max(len(parts), 1):
        note(f"segmentation has {len(parts) - len(usable) or 'only'} parts that are no list of three or more x, y")
    return usable or None


def _keypoint_fields(keypoints: Points | None, count: int, stated: Any) -> Fields:
    if keypoints is None:
        return {"keypoints": [0.0] * (3 * count), "num_keypoints": 0}
    number = _number(stated)
    labelled = int(np.count_nonzero(keypoints[:, 2] > 0)) if number is None or number < 0 else int(number)
    return {"keypoints": keypoints.ravel().tolist(), "num_keypoints": labelled}


def _outline_fields(outline: Outline | None, box: Sequence[float], note: Note) -> Fields:
    """Return the segmentation; an object without one cannot be judged, so its box is ignored as a crowd's is."""
    if outline is not None:
        return {"segmentation": outline, "outlined": True}
    note("has no usable segmentation: masks inside its box are ignored")
    x, y, width, height = box
    return {"segmentation": [[x, y, x + width, y, x + width, y + height, x, y + height]], "outlined": False}


def _outline_area(outline: Outline) -> float:
    """Return the pixels inside an outline: of run lengths exactly, of polygons by the shoelace formula."""
    if isinstance(outline, dict):
        from hotcoco.mask import area

        return float(area(outline))
    return sum(polygon_area(np.array(part).reshape(-1, 2)) for part in outline)


def _box_around(keypoints: Points | None, outline: Outline | None) -> list[float] | None:
    if isinstance(outline, dict):
        from hotcoco.mask import toBbox

        return [float(number) for number in toBbox(outline)]
    if outline:
        corners = np.concatenate([np.array(part).reshape(-1, 2) for part in outline])
    elif keypoints is not None and (keypoints[:, 2] > 0).any():
        corners = keypoints[keypoints[:, 2] > 0, :2]
    else:
        return None
    near, far = corners.min(0), corners.max(0)
    return [*near.tolist(), *(far - near).tolist()]


def truth_from_labels(
    pictures: Iterable[PictureLabels], names: Mapping[int, str], schema: KeypointSchema | None = None
) -> dict[str, Any]:
    """Return COCO ground truth made from labels, as a JSON file of COCO's would hold it.

    Pictures get the ids of `picture_id` when those differ from each other, else 1, 2, ..., categories the number after
    their class number. An object's area is that of its outline, else 0.53 of its box, as in the validator's OKS. No
    object is a crowd.
    """
    annotated = tuple(
        PictureAnnotation(
            file_name=labels.path,
            path=None,
            size=labels.size,
            objects=tuple(map(_with_area, label_annotations(labels))),
        )
        for labels in pictures
    )
    found = AnnotationSet(names=dict(names), schema=schema, pictures=tuple(annotated))
    content = coco_content(found, ProblemList("labels"), decimals=None)
    ids = [picture_id(picture.file_name) for picture in annotated]
    if len(set(ids)) == len(ids):
        for image in content["images"]:
            image["id"] = ids[image["id"] - 1]
        for entry in content["annotations"]:
            entry["image_id"] = ids[entry["image_id"] - 1]
    return content


def _with_area(thing: ObjectAnnotation) -> ObjectAnnotation:
    x1, y1, x2, y2 = thing.box or (0, 0, 0, 0)
    return replace(thing, area=polygon_area(thing.parts[0]) if thing.parts else BOX_FILL * (x2 - x1) * (y2 - y1))
