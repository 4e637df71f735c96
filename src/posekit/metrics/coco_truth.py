"""COCO ground truth, checked and brought into the form that the evaluator takes."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posekit.errors import DatasetError
from posekit.files.reading import read_json
from posekit.metrics.coco_rows import picture_id
from posekit.metrics.similarity import BOX_FILL
from posekit.ops.polygons import polygon_area
from posekit.schema.schema import KeypointSchema

Floats = NDArray[np.float64]


Key = int | str


# No picture is larger; squares of what is below stay finite.
LARGEST = 1e9


def finite(value: Any) -> float | None:
    """Return a JSON number as float; None for anything else, and for numbers of 1e9 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        return None
    return float(value)


def identifier(value: Any) -> Key | None:
    """Return an id: whole numbers as int, also when written as 7.0; text as it is; None for anything else."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def looked_up(table: Mapping[Key, int], value: Any) -> int | None:
    """Return the entry of an id; digits as text and the number they spell stand for each other."""
    key = identifier(value)
    if key is None:
        return None
    if key in table:
        return table[key]
    other: Key = str(key) if isinstance(key, int) else int(key) if key.isdecimal() and len(key) < 19 else key
    return table.get(other)


def number_list(value: Any) -> Floats | None:
    """Return a flat JSON list as (n,) float64, with NaN where an entry is no number below 1e9.

    None when it is no flat list.
    """
    if not isinstance(value, list):
        return None
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([math.nan if (number := finite(entry)) is None else number for entry in value])
    if numbers.ndim != 1:
        return None
    numbers[~(np.abs(numbers) < LARGEST)] = math.nan
    return numbers


def shown(value: Any) -> str:
    """Return a value as an error message shows it: cut off after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


Fields = dict[str, Any]


Outline = list[list[float]] | Fields


Note = Callable[[str], None]


Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ObjectForm:
    """What the objects of one category are brought to.

    Attributes:
        points: K, the number of keypoints; 0 without.
        padded: the number that categories with most of them have; objects may list as many, of which the first K count.
        outlines: whether masks will be scored, so that each object needs an outline.
    """

    points: int
    padded: int
    outlines: bool


def clean_object(entry: Mapping[str, Any], form: ObjectForm, note: Note) -> Fields | None:
    """Return bbox, area, iscrowd and, where the form has them, keypoints, num_keypoints and segmentation.

    Args:
        entry: one entry of ``annotations``.
        form: what to return.
        note: called with one sentence for everything that was mended or cannot be used.

    Returns:
        None when nothing says where the object is.
    """
    keypoints = _keypoints(entry.get("keypoints"), form, note)
    box, area = _box(entry.get("bbox"), note), _area(entry.get("area"), note)
    outline = None
    if form.outlines or box is None or area is None:
        outline = _outline(entry.get("segmentation"), note)
    if box is None:
        box = _box_around(keypoints, outline)
    if box is None:
        note("has no usable bbox, and neither points nor an outline to make one from: left out")
        return None
    if area is None:
        area = outline_area(outline) if outline else BOX_FILL * box[2] * box[3]
    cleaned: Fields = {"bbox": box, "area": area, "iscrowd": _crowd(entry.get("iscrowd"), note)}
    if form.points:
        cleaned |= _keypoint_fields(keypoints, form.points, entry.get("num_keypoints"))
    if form.outlines:
        cleaned |= _outline_fields(outline, cleaned, note)
    return cleaned


def outline_area(outline: Outline) -> float:
    """Return the pixels inside an outline: of run lengths exactly, of polygons by the shoelace formula."""
    if isinstance(outline, dict):
        from hotcoco.mask import area

        return float(area(outline))
    return sum(polygon_area(np.array(part).reshape(-1, 2)) for part in outline)


def _box(value: Any, note: Note) -> list[float] | None:
    if value is None:
        return None
    numbers = number_list(value)
    if numbers is None or numbers.shape != (4,) or np.isnan(numbers).any() or (numbers[2:] < 0).any():
        note(f"bbox {shown(value)} is not [x, y, width, height]")
        return None
    return [float(number) for number in numbers]


def _area(value: Any, note: Note) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LARGEST**2:
        return float(value)
    note(f"area {shown(value)} is not a number of pixels")
    return None


def _crowd(value: Any, note: Note) -> int:
    if value is None:
        return 0
    if not isinstance(value, bool | int | float) or value != value:
        note(f"iscrowd {shown(value)} is neither 0 nor 1: taken for 0")
        return 0
    return int(value != 0)


def _keypoints(value: Any, form: ObjectForm, note: Note) -> Points | None:
    """Return (K, 3) x, y, visibility with unusable points unlabelled; None when there are none."""
    count = form.points
    if not count or value is None or value == []:
        return None
    numbers = number_list(value)
    if numbers is None or numbers.shape not in ((3 * count,), (3 * form.padded,)):
        note(f"keypoints are not a flat list of {3 * count} numbers, x, y and visibility {count} times: not used")
        return None
    points = numbers.reshape(-1, 3)[:count]
    if np.isnan(points).any():
        note("keypoints with something else than finite numbers are taken for unlabelled")
        points[np.isnan(points).any(1)] = 0
    return points


def _keypoint_fields(keypoints: Points | None, count: int, stated: Any) -> Fields:
    if keypoints is None:
        return {"keypoints": [0.0] * (3 * count), "num_keypoints": 0}
    number = finite(stated)
    labelled = int(np.count_nonzero(keypoints[:, 2] > 0)) if number is None or number < 0 else int(number)
    return {"keypoints": keypoints.ravel().tolist(), "num_keypoints": labelled}


def _outline(value: Any, note: Note) -> Outline | None:
    if value is None or value == []:
        return None
    if isinstance(value, dict):
        return _run_lengths(value, note)
    parts = [value] if isinstance(value, list) and finite(value[0]) is not None else value
    numbers = [number_list(part) for part in parts] if isinstance(parts, list) else []
    usable = [part.tolist() for part in numbers if part is not None and _is_polygon(part)]
    if len(usable) < max(len(numbers), 1):
        note(f"segmentation has {len(numbers) - len(usable) or 'only'} parts that are no list of three or more x, y")
    return usable or None


def _is_polygon(part: Points) -> bool:
    return part.size >= 6 and part.size % 2 == 0 and not np.isnan(part).any()


def _run_lengths(value: Fields, note: Note) -> Outline | None:
    from hotcoco.mask import area

    run_lengths = {"size": value.get("size"), "counts": value.get("counts")}
    try:
        area(run_lengths)
    except (ValueError, TypeError, OverflowError) as error:
        note(f"segmentation cannot be used: {error}")
        return None
    return run_lengths


def _outline_fields(outline: Outline | None, cleaned: Fields, note: Note) -> Fields:
    """Return the segmentation; an object without one cannot be judged, so its box is ignored as a crowd's is."""
    if outline is not None:
        return {"segmentation": outline, "outlined": True}
    note("has no usable segmentation: masks inside its box are ignored")
    x, y, width, height = cleaned["bbox"]
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {"segmentation": [corners], "outlined": False}


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


def points_of_categories(annotations: Sequence[Any], categories: Mapping[int, Mapping[str, Any]]) -> dict[int, int]:
    """Return the number of points of each category; 0 for all when nothing has keypoints.

    Categories differ where they list names of different numbers of points. One that lists none gets the highest
    number then: its objects have no points, or as many as those of others.

    Args:
        annotations: entries of the file.
        categories: entries of the file by category number.
    """
    named = {number: len(entry["keypoints"]) for number, entry in categories.items() if _names_points(entry)}
    if len(set(named.values())) > 1:
        return dict.fromkeys(categories, max(named.values())) | named
    return dict.fromkeys(categories, _most_common(annotations) or max(named.values(), default=0))


def _names_points(category: Mapping[str, Any]) -> bool:
    names = category.get("keypoints")
    return isinstance(names, list) and bool(names)


def _most_common(annotations: Iterable[Any]) -> int:
    """Return how many points most objects have that have any, of equally frequent numbers the higher; 0 for none."""
    lengths = Counter(
        len(entry["keypoints"]) // 3
        for entry in annotations
        if isinstance(entry, Mapping) and isinstance(entry.get("keypoints"), list) and entry["keypoints"]
    )
    return max(lengths, key=lambda count: (lengths[count], count), default=0)


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


LabelFloats = NDArray[np.floating[Any]]


class LabelledPicture(Protocol):
    """What `truth_from_labels` reads of a picture; coordinates are fractions of its width and height.

    `path` of the picture, `size` (h, w), `classes` (N,), `boxes` (N, 4) centre and size, `keypoints` (N, K, 3)
    or None, `polygons` N outlines (P, 2), (0, 2) where there is none, or None.
    """

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def classes(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def boxes(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def keypoints(self) -> NDArray[np.float32] | None: ...  # noqa: D102
    @property
    def polygons(self) -> Sequence[NDArray[np.float32]] | None: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureObjects:
    """One picture and its N objects; coordinates are pixels of the original picture.

    Attributes:
        file_name: path of the picture.
        size: (h, w).
        classes: (N,) class numbers.
        boxes: (N, 4) corners x1 y1 x2 y2.
        keypoints: (N, K, 3) x, y, visibility; None without.
        polygons: N outlines (P, 2), empty where there is none; None without.
    """

    file_name: str
    size: tuple[int, int]
    classes: NDArray[Any]
    boxes: LabelFloats
    keypoints: LabelFloats | None = None
    polygons: Sequence[LabelFloats] | None = None


def truth_from_labels(
    pictures: Iterable[LabelledPicture],
    names: Mapping[int, str],
    category_ids: Mapping[int, int] | None = None,
    schema: KeypointSchema | None = None,
) -> dict[str, Any]:
    """Return COCO ground truth made from labels in fractions of the picture; see `truth_from_arrays`."""
    return truth_from_arrays(map(_in_pixels, pictures), names, category_ids, schema)


def truth_from_arrays(
    pictures: Iterable[PictureObjects],
    names: Mapping[int, str],
    category_ids: Mapping[int, int] | None = None,
    schema: KeypointSchema | None = None,
) -> dict[str, Any]:
    """Return COCO ground truth, as a JSON file of COCO's would hold it.

    Pictures get the ids of `coco_rows.picture_id` when those differ from each other, else 1, 2, ... An object's area
    is that of its outline, else 0.53 of its box, as in the validator's OKS. No object is a crowd.

    Args:
        pictures: the pictures with their objects.
        names: class name of each class number.
        category_ids: category id of each class number; None for class number + 1.
        schema: the keypoints, which tells those of each class; None when all classes have the same.
    """
    ids = category_ids or {number: number + 1 for number in names}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, 1):
        height, width = picture.size
        images.append({"id": number, "file_name": picture.file_name, "width": int(width), "height": int(height)})
        for row in range(len(picture.classes)):
            place = {"id": len(annotations) + 1, "image_id": number, "category_id": ids[int(picture.classes[row])]}
            annotations.append(place | _object(picture, row))
    _use_file_names_as_ids(images, annotations)
    categories = [{"id": ids[number], "name": name} | _points_of(number, schema) for number, name in names.items()]
    return {"images": images, "categories": categories, "annotations": annotations}


def _points_of(number: int, schema: KeypointSchema | None) -> dict[str, Any]:
    """Return the names of a class's own points, which tell padding from points that are only unlabelled."""
    count = 0 if schema is None else schema.points_of(number)
    return {"keypoints": list(schema.names[:count])} if schema is not None and count else {}


def _in_pixels(labels: LabelledPicture) -> PictureObjects:
    height, width = labels.size
    size = np.array([width, height], np.float64)
    centre, half = labels.boxes[:, :2] * size, labels.boxes[:, 2:] * size / 2
    keypoints = labels.keypoints
    return PictureObjects(
        file_name=labels.path,
        size=labels.size,
        classes=labels.classes,
        boxes=np.hstack([centre - half, centre + half]),
        keypoints=None if keypoints is None else np.dstack([keypoints[..., :2] * size, keypoints[..., 2:]]),
        polygons=None if labels.polygons is None else [polygon * size for polygon in labels.polygons],
    )


def _object(picture: PictureObjects, row: int) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(value) for value in picture.boxes[row])
    fields: dict[str, Any] = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": BOX_FILL * (x2 - x1) * (y2 - y1)}
    fields["iscrowd"] = 0
    if picture.polygons is not None and len(picture.polygons[row]):
        outline = np.asarray(picture.polygons[row], np.float64)
        fields |= {"segmentation": [outline.ravel().tolist()], "area": polygon_area(outline)}
    if picture.keypoints is not None:
        points = np.asarray(picture.keypoints[row], np.float64)
        fields |= {"keypoints": points.ravel().tolist(), "num_keypoints": int(np.count_nonzero(points[:, 2] > 0))}
    return fields


def _use_file_names_as_ids(images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]]) -> None:
    """Give pictures the ids that their prediction rows have, unless two pictures would share one."""
    ids = [picture_id(image["file_name"]) for image in images]
    if len(set(ids)) < len(ids):
        return
    for image, identity in zip(images, ids, strict=True):
        image["id"] = identity
    for annotation in annotations:
        annotation["image_id"] = ids[annotation["image_id"] - 1]
