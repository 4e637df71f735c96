"""Reads the JSON export of Label Studio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from posekit.data.annotation import AnnotationSet, PictureAnnotation
from posekit.data.convert.objects import (
    UNGROUPED,
    NamedPicture,
    NamedPoint,
    NamedSchema,
    Outline,
    Shape,
    extent_of_turned_box,
    join_shapes,
    number_objects,
)
from posekit.data.find_pictures import PictureSearch
from posekit.errors import DatasetError, PosekitError
from posekit.files.magic import media_kind
from posekit.files.problems import ProblemList
from posekit.files.reading import read_json
from posekit.files.values import UnusableValueError, is_number, quote
from posekit.io.decode import picture_size

_USUAL_KEYS = ("image", "img")

# Uploaded files get eight characters and a dash before their name.
_PREFIX_LENGTH = 9

_UPLOADS = "data/upload/"

# Words of a choice beside a keypoint that call it hidden; Label Studio itself has no mark for that.
HIDDEN_WORDS = frozenset({"hidden", "occluded", "invisible", "not visible"})

_HIDDEN = 1

# What says something of a region that another result draws, or of the whole picture; none of it is a shape.
_NO_SHAPES = frozenset({"relation", "labels", "choices", "taxonomy", "textarea", "rating", "number", "datetime"})

_LABELS = "labels"

# Old exports call the annotations of a task completions.
_ANNOTATION_KEYS = ("annotations", "completions")


@dataclass(frozen=True)
class _Region:
    """One result that draws something."""

    entry: Mapping[str, Any]
    size: tuple[int, int]
    place: str
    label: str

    def shape(self, problems: ProblemList) -> Shape:
        kind = str(self.entry.get("type")).removesuffix("labels")
        if kind == "keypoint":
            (x, y) = self._pixels([[self._value("x"), self._value("y")]])[0].tolist()
            return Shape(label=self.label, place=self.place, points={self.label: NamedPoint(x=x, y=y)}, is_point=True)
        if kind == "rectangle":
            return self._rectangle(problems)
        if kind == "polygon":
            return Shape(label=self.label, place=self.place, parts=(self._outline(),))
        hint = ": export as COCO from Label Studio, which gives masks" if kind == "brush" else ""
        text = f"is {quote(self.entry.get('type'))}; keypoints, rectangles and polygons can be read{hint}"
        raise UnusableValueError("type", text, "unsupported_shape")

    def _rectangle(self, problems: ProblemList) -> Shape:
        x, y, width, height = (self._value(key) for key in ("x", "y", "width", "height"))
        if width <= 0 or height <= 0:
            text = f"is {width:g} with a height of {height:g}: both must be above 0"
            raise UnusableValueError("width", text, "empty_box")
        (x1, y1), (x2, y2) = self._pixels([[x, y], [x + width, y + height]]).tolist()
        degrees = self._value("rotation") if self._values().get("rotation") is not None else 0.0
        if degrees % 360:
            problems.add(self.place, "the rectangle is turned: the upright box around it is taken", "turned_box")
        box = extent_of_turned_box((x1, y1, x2, y2), degrees, around=(x1, y1))
        return Shape(label=self.label, place=self.place, box=box)

    def _outline(self) -> Outline:
        corners = self._values().get("points")
        if not isinstance(corners, list) or len(corners) < 3:
            raise UnusableValueError("points", f"is {quote(corners)}, not a list of 3 or more corners", "bad_outline")
        for corner in corners:
            if not isinstance(corner, list) or len(corner) != 2 or not all(map(is_number, corner)):
                raise UnusableValueError("points", f"has {quote(corner)}, which is no pair of numbers", "bad_number")
        return self._pixels(corners)

    def _pixels(self, percent: Sequence[Sequence[float]]) -> Outline:
        return np.array(percent, np.float64) * self.size[::-1] / 100

    def _value(self, key: str) -> float:
        value = self._values().get(key)
        if not is_number(value):
            raise UnusableValueError(f"value.{key}", f"is {quote(value)}, not a finite number", "bad_number")
        return float(value)

    def _values(self) -> Mapping[str, Any]:
        return _values_of(self.entry)


def read_label_studio(source: Path, *, images: Path | None = None) -> AnnotationSet:
    """Read a JSON export of Label Studio.

    Keypoints belong to the rectangle or polygon that they are children of or related to; else to the only one they
    lie in; on a picture without any they make one object. Classes and keypoints stand in alphabetical order, since
    the export tells no other. Of several annotations of a task the one marked as ground truth counts, else the
    newest; predictions do not count, and a task without annotation is left out. The export called JSON-MIN is refused.
    """
    tasks = read_json(source)
    _check_form(tasks, source)
    problems = ProblemList(str(source))
    search = PictureSearch(source, [] if images is None else [images])
    pictures: list[NamedPicture] = []
    for number, task in enumerate(tasks):
        task_id = task.get("id") if isinstance(task, dict) else None
        place = f"task {task_id if isinstance(task_id, int) else f'[{number}]'}"
        try:
            picture = _read_task(task, place, search, problems)
        except UnusableValueError as error:
            text = f"{error.field} {error.message}: the picture is left out"
            problems.add(place, text, error.code, objects=_count_results(task), picture=True)
            continue
        pictures.append(picture)
    objects = [thing for _, things in pictures for thing in things]
    named = NamedSchema(
        classes=sorted({thing.label for thing in objects}),
        points=sorted({name for thing in objects for name in thing.points}),
    )
    return number_objects(pictures, named, problems)


def _check_form(tasks: Any, source: Path) -> None:
    if not isinstance(tasks, list) or not tasks or not isinstance(tasks[0], dict):
        raise DatasetError(f"{source}: is no export of Label Studio, which is a list of tasks")
    if isinstance(tasks[0].get("data"), dict) and any(key in tasks[0] for key in (*_ANNOTATION_KEYS, "predictions")):
        return
    if "annotation_id" in tasks[0] or "annotator" in tasks[0]:
        raise DatasetError(
            f"{source}: is Label Studio's export JSON-MIN, which does not tell which keypoint belongs to which "
            "rectangle: export again and choose JSON"
        )
    keys = ", ".join(str(key)[:30] for key in list(tasks[0])[:6])
    raise DatasetError(
        f"{source}: its tasks have the keys {keys}; those of a Label Studio export are data, annotations"
    )


def _read_task(task: Any, place: str, search: PictureSearch, problems: ProblemList) -> NamedPicture:
    if not isinstance(task, dict):
        raise UnusableValueError("the task", "is no dictionary", "bad_task")
    results = _results(task, place, problems)
    name = _picture_name(task)
    path = _find_picture(search, task, name)
    size = _pixels_of(results, path)
    regions = _read_regions(results, size, place, problems)
    task_id = task.get("id")
    image_id = task_id if isinstance(task_id, int) else None
    picture = PictureAnnotation(file_name=name, path=path, size=size, image_id=image_id)
    return picture, join_shapes(regions, problems)


def _results(task: Mapping[str, Any], place: str, problems: ProblemList) -> Sequence[Any]:
    """Return the regions and relations of the annotation that counts."""
    listed: list[Any] = next((task[key] for key in _ANNOTATION_KEYS if isinstance(task.get(key), list)), [])
    usable = [entry for entry in listed if isinstance(entry, dict) and not entry.get("was_cancelled")]
    if not usable:
        raise UnusableValueError("the task", "has no annotation: nobody has labelled it yet", "not_labelled")
    chosen = max(usable, key=_rank)
    others = [len(entry["result"]) for entry in usable if entry is not chosen and isinstance(entry.get("result"), list)]
    if others:
        text = f"has {len(usable)} annotations: the one marked as ground truth counts, else the newest"
        problems.add(place, f"{text}; {sum(others)} entries of the others are left out", "several_annotations")
    results = chosen.get("result")
    if not isinstance(results, list):
        raise UnusableValueError("annotations", "have no list of results", "bad_task")
    return results


def _rank(entry: Mapping[str, Any]) -> tuple[bool, str]:
    """Sort ground truth last, then the newest; times are written so that text sorts like time."""
    return bool(entry.get("ground_truth")), str(entry.get("updated_at") or entry.get("created_at") or "")


def _count_results(task: Any) -> int:
    """Return how many regions are lost with a task that cannot be used."""
    known = task if isinstance(task, dict) else {}
    listed: list[list[Any]] = [known[key] for key in _ANNOTATION_KEYS if isinstance(known.get(key), list)]
    results = [entry.get("result") for entries in listed for entry in entries if isinstance(entry, dict)]
    return sum(len(result) for result in results if isinstance(result, list))


def _picture_name(task: Mapping[str, Any]) -> str:
    """Return the name of a task's picture without what is Label Studio's own, "/" between folders.

    ``/data/local-files/?d=dogs/1.jpg`` is ``dogs/1.jpg``; of addresses and bucket names the path is left.
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


def _find_picture(search: PictureSearch, task: Mapping[str, Any], name: str) -> Path | None:
    """Return the picture on disk: under its name, that of the upload, or that without the prefix of an upload."""
    upload = task.get("file_upload")
    path = PurePosixPath(name)
    names = [name, upload if isinstance(upload, str) else "", str(path.with_name(path.name[_PREFIX_LENGTH:] or "-"))]
    if path.name[_PREFIX_LENGTH - 1 : _PREFIX_LENGTH] != "-":
        names.pop()
    found = (search.find(name) for name in names if name)
    return next((path for path in found if path is not None), None)


def _pixels_of(results: Sequence[Any], path: Path | None) -> tuple[int, int]:
    """Return (h, w) of a picture as its regions state it, else as the file says."""
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


def _groups_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return region id -> name of its group, for regions that are linked to others.

    A link is a relation (``from_id``, ``to_id``) or the parent that a region names (``parentID``); whatever hangs
    together through links is one group.
    """
    known = {str(entry["id"]) for entry in entries if entry.get("id") is not None}
    links = [(str(entry.get("from_id")), str(entry.get("to_id"))) for entry in entries if "from_id" in entry]
    links += [(str(entry.get("id")), str(entry["parentID"])) for entry in entries if entry.get("parentID") is not None]
    heads: dict[str, str] = {}
    for first, second in links:
        if first in known and second in known:
            heads[_head(heads, first)] = _head(heads, second)
    linked = {region for link in links for region in link if region in known}
    return {region: f"region {_head(heads, region)}" for region in linked}


def _head(heads: dict[str, str], region: str) -> str:
    """Return the region at the end of the chain, and shorten the chain on the way."""
    while heads.get(region, region) != region:
        after = heads[region]
        heads[region] = heads.get(after, after)
        region = after
    return region


def _read_regions(results: Sequence[Any], size: tuple[int, int], place: str, problems: ProblemList) -> list[Shape]:
    """Return the usable regions of an annotation's ``result``; each other one is a problem.

    Coordinates are percent of `size`, the (h, w) of the picture.
    """
    entries = [entry for entry in results if isinstance(entry, dict)]
    if len(entries) < len(results):
        problems.add(place, "has results that are no dictionaries", "bad_result", objects=len(results) - len(entries))
    groups, hidden = _groups_of(entries), _hidden_regions(entries)
    named = {str(entry.get("id")): entry for entry in entries if entry.get("type") == _LABELS}
    shapes = []
    for number, entry in enumerate(entries):
        if str(entry.get("type")) in _NO_SHAPES:
            continue
        here, region = f"{place} result {number}", str(entry.get("id"))
        try:
            label = _label(entry, named.get(region), here, problems)
            shape = replace(_Region(entry, size, here, label).shape(problems), group=groups.get(region, UNGROUPED))
        except UnusableValueError as error:
            problems.add(here, f"{error.field} {error.message}: the region is left out", error.code, objects=1)
            continue
        shapes.append(_hide(shape) if region in hidden else shape)
    return shapes


def _label(entry: Mapping[str, Any], naming: Mapping[str, Any] | None, place: str, problems: ProblemList) -> str:
    """Return the label of a region, which stands in it or in another result of the same id."""
    values = _values_of(entry)
    found = values.get(str(entry.get("type"))) or values.get(_LABELS)
    if not found and naming is not None:
        found = _values_of(naming).get(_LABELS)
    labels = [label for label in found if isinstance(label, str) and label] if isinstance(found, list) else []
    if not labels:
        raise UnusableValueError("the label", "is missing", "no_label")
    if len(labels) > 1:
        problems.add(place, f"the region has the labels {', '.join(labels)}: the first counts", "several_labels")
    return labels[0]


def _hidden_regions(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of regions that a choice calls hidden."""
    hidden = set()
    for entry in entries:
        choices = _values_of(entry).get("choices")
        if isinstance(choices, list) and any(str(choice).strip().lower() in HIDDEN_WORDS for choice in choices):
            hidden.add(str(entry.get("id")))
    return hidden


def _hide(shape: Shape) -> Shape:
    return replace(shape, points={name: replace(point, visibility=_HIDDEN) for name, point in shape.points.items()})


def _values_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    value = entry.get("value")
    return value if isinstance(value, dict) else {}
