"""Reads COCO JSON: every value is checked, every object is either read or named in a problem."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posekit.config.commands import TASKS_WITH_OUTLINES
from posekit.data.annotation import AnnotationSet, Box, ObjectAnnotation, PictureAnnotation, Points, derive_box
from posekit.data.coco.categories import Categories, ClassNumbers, find_categories, has_scores, read_whole_body
from posekit.data.coco.fields import Key, key_of, load_coco, read_box, read_padded_keypoints, read_parts, read_side
from posekit.data.find_pictures import PictureSearch
from posekit.errors import PosekitError
from posekit.files.problems import ProblemList
from posekit.files.values import UnusableValueError, is_number, quote, read_id, read_key
from posekit.io.decode import picture_size


def read_coco(
    path: Path,
    *,
    image_dirs: Sequence[Path] = (),
    task: str = "pose",
    find_pictures: bool = True,
    class_numbers: ClassNumbers = "rank",
) -> AnnotationSet:
    """Read a COCO JSON file of boxes, keypoints, polygons and RLE masks; COCO-WholeBody gives 133 keypoints.

    Each entry of ``annotations`` is one object of the answer, or counted by the `objects` of one of its problems.
    Crowds are kept and marked. An annotation without ``bbox`` gets a box around its outline or keypoints.

    Args:
        path: the file.
        image_dirs: folders to look for pictures in first; then the file's folder and the one above it.
        task: "segment" and "multitask" read outlines; "detect" and "pose" leave them unread where there are boxes.
        find_pictures: whether to look for the picture files at all; without, every size must stand in the file.
        class_numbers: how categories become class numbers: "rank" by their ids in ascending order, "coco80" the 80
            classes of COCO for its ids 1 to 90, "id" id - 1.

    Returns:
        The pictures in the order of the file. A picture that was not found has no path.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: the file is no COCO ground truth, or its keypoint lists do not fit its categories.
    """
    content = load_coco(path)
    annotations = content["annotations"]
    problems = ProblemList(str(path))
    categories = find_categories(content, path, problems, class_numbers)
    search = PictureSearch(path, image_dirs) if find_pictures else None
    keys = [_picture_of(entry) for entry in annotations]
    counts = Counter(key for key in keys if not isinstance(key, UnusableValueError))
    pictures, left_out = _read_images(content["images"], counts, lambda name: _size_on_disk(name, search), problems)
    reader = _AnnotationReader(categories=categories, with_parts=task in TASKS_WITH_OUTLINES, problems=problems)
    objects: dict[Key, list[ObjectAnnotation]] = {key: [] for key in pictures}
    ids: set[int] = set()
    for position, (entry, key) in enumerate(zip(annotations, keys, strict=True)):
        place = _place(position, entry)
        try:
            if isinstance(key, UnusableValueError):
                raise key
            if key in left_out:
                continue  # counted with its picture
            if key not in pictures:
                raise UnusableValueError("image_id", f"is {quote(key)}, which no entry of images has", "no_such_image")
            objects[key].append(reader.read(entry, pictures[key].size, place))
            _check_id(entry, place, ids, problems)
        except UnusableValueError as error:
            error.add_to(problems, place, objects=1)
    return AnnotationSet(
        names=categories.names,
        schema=categories.schema,
        pictures=tuple(
            replace(picture, path=search.find(picture.file_name) if search else None, objects=tuple(objects[key]))
            for key, picture in pictures.items()
        ),
        problems=problems.all(),
    )


def _picture_of(entry: Any) -> Key | UnusableValueError:
    """Return the id of the picture that an annotation belongs to, or what is wrong with it."""
    if not isinstance(entry, dict):
        return UnusableValueError("image_id", f"the entry is {quote(entry)}, not a dictionary", "bad_annotation")
    if "image_id" not in entry:
        return UnusableValueError("image_id", "is missing: the object belongs to no picture", "no_image_id")
    try:
        return read_key(entry["image_id"], "image_id", "bad_image_id")
    except UnusableValueError as error:
        return error


def _place(position: int, entry: Any) -> str:
    number = entry.get("id") if isinstance(entry, dict) else None
    return f"annotations[{position}]" + (f" (id {quote(number)})" if isinstance(number, (int, str)) else "")


def _check_id(entry: Mapping[str, Any], place: str, seen: set[int], problems: ProblemList) -> None:
    """Tell of an annotation id that COCO's scoring tools would stumble over; it is read whatever it is."""
    if "id" not in entry:
        return
    try:
        number = read_id(entry["id"], "id", "bad_annotation_id")
    except UnusableValueError as error:
        error.add_to(problems, place)
        return
    if number in seen:
        text = "its id is another annotation's, too; it is read, but COCO's scoring tools need ids of their own"
        problems.tally(place, text, "duplicate_annotation_id", left_out=False)
    seen.add(number)


def _size_on_disk(file_name: str, search: PictureSearch | None) -> tuple[int, int] | None:
    found = search.find(file_name) if search else None
    try:
        return picture_size(str(found)) if found else None
    except PosekitError:
        return None


def _read_images(
    entries: Sequence[Any],
    objects: Mapping[Key, int],
    size_of_file: Callable[[str], tuple[int, int] | None],
    problems: ProblemList,
) -> tuple[dict[Key, PictureAnnotation], set[Key]]:
    """Return the usable pictures by id, without objects, and the ids of those that are left out.

    `objects` tells how many annotations name each id: those of a picture that is left out are counted with it.
    `size_of_file` gives (h, w) of a picture file, for entries without a size.
    """
    found: dict[Key, PictureAnnotation] = {}
    claimed: set[Key] = set()
    for position, entry in enumerate(entries):
        place = f"images[{position}]"
        image_id = key_of(entry.get("id")) if isinstance(entry, dict) else None
        lost = 0 if image_id is None or image_id in claimed else objects.get(image_id, 0)
        try:
            if image_id in claimed:
                text = f"is {quote(image_id)} again: each picture needs its own; annotations go to the first"
                raise UnusableValueError("id", text, "duplicate_image_id")
            key, file_name, size = _read_image(entry)
            size = size or _size_from_file(file_name, size_of_file, place, problems)
            found[key] = PictureAnnotation(file_name=file_name, path=None, size=size, image_id=key)
        except UnusableValueError as error:
            error.add_to(problems, place, objects=lost, picture=True)
        if image_id is not None:
            claimed.add(image_id)
    return found, claimed - found.keys()


def _read_image(entry: Any) -> tuple[Key, str, tuple[int, int] | None]:
    """Return id, file name and (h, w); no size when the entry has neither side."""
    if not isinstance(entry, dict):
        raise UnusableValueError("id", f"the entry is {quote(entry)}, not a dictionary", "bad_image")
    image_id = read_key(entry.get("id"), "id", "bad_image_id")
    file_name = entry.get("file_name")
    if not isinstance(file_name, str) or not file_name.strip() or "\0" in file_name:
        raise UnusableValueError("file_name", f"is {quote(file_name)}, not the name of a file", "bad_file_name")
    file_name = file_name.replace("\\", "/")  # exports from Windows separate folders by backslashes
    if entry.get("height") is None and entry.get("width") is None:
        return image_id, file_name, None
    return image_id, file_name, (read_side(entry, "height"), read_side(entry, "width"))


def _size_from_file(
    file_name: str, size_of_file: Callable[[str], tuple[int, int] | None], place: str, problems: ProblemList
) -> tuple[int, int]:
    size = size_of_file(file_name)
    if size is None:
        text = "is missing, and there is no readable picture file to take it from"
        raise UnusableValueError("height", text, "no_size")
    problems.add(f"{place}.height", "is missing: the size of the picture file is used", "size_from_picture")
    return size


@dataclass(frozen=True)
class _AnnotationReader:
    """Turns entries of ``annotations`` into objects; `problems` takes what is mended.

    Without `with_parts`, outlines are read only where a box is missing.
    """

    categories: Categories
    with_parts: bool
    problems: ProblemList

    def read(self, entry: Mapping[str, Any], size: tuple[int, int], place: str) -> ObjectAnnotation:
        """Return one object of a picture of (h, w); an `UnusableValueError` says why it has to be left out."""
        label = self._label(entry)
        keypoints = self._keypoints(entry, label, place)
        box = read_box(entry.get("bbox"))
        parts = read_parts(entry.get("segmentation"), size) if self.with_parts or box is None else ()
        self._count_short_parts(entry, parts, place)
        return ObjectAnnotation(
            label=label,
            box=box or self._derive_box(parts, keypoints, size, place),
            keypoints=keypoints,
            parts=parts,
            crowd=_read_crowd(entry),
            area=self._area(entry, place),
        )

    def _label(self, entry: Mapping[str, Any]) -> int:
        if "category_id" not in entry:
            raise UnusableValueError("category_id", "is missing: the class of the object is unknown", "no_category_id")
        category = read_id(entry["category_id"], "category_id", "bad_category_id")
        if category not in self.categories.numbers:
            text = f"is {quote(category)}, which no entry of categories has"
            raise UnusableValueError("category_id", text, "unknown_category_id")
        label = self.categories.numbers[category]
        if label is None:
            text = f"is {category}, which is none of the 80 classes that COCO uses"
            raise UnusableValueError("category_id", text, "unused_category_id")
        return label

    def _keypoints(self, entry: Mapping[str, Any], label: int, place: str) -> Points | None:
        schema = self.categories.schema
        if schema is None:
            return None
        if not self.categories.whole_body:
            return read_padded_keypoints(entry, schema.points_of(label) or schema.count, schema.count)
        if has_scores(entry):
            text = "points of face, hands or feet have scores in place of visibilities: scores above 0 count as 1"
            self.problems.tally(place, text, "scores_as_visibility", left_out=False)
        return read_whole_body(entry)

    def _count_short_parts(self, entry: Mapping[str, Any], parts: tuple[Points, ...], place: str) -> None:
        value = entry.get("segmentation")
        if parts and isinstance(value, list) and isinstance(value[0], list) and len(parts) < len(value):
            text = "polygons of fewer than 3 points were left out"
            self.problems.tally(place, text, "short_polygon", left_out=False)

    def _derive_box(
        self, parts: tuple[Points, ...], keypoints: Points | None, size: tuple[int, int], place: str
    ) -> Box:
        derived = derive_box(parts, keypoints, size)
        if derived is None:
            text = "is missing, and neither an outline nor two labelled keypoints tell where the object is"
            raise UnusableValueError("bbox", text, "no_box")
        self.problems.tally(place, f"no bbox: {derived.how} is used", derived.code, left_out=False)
        return derived.box

    def _area(self, entry: Mapping[str, Any], place: str) -> float | None:
        area = entry.get("area")
        if area is None or (is_number(area) and area >= 0):
            return None if area is None else float(area)
        self.problems.add(f"{place}.area", f"is {quote(area)}, not a number of px²; it is ignored", "bad_area")
        return None


def _read_crowd(entry: Mapping[str, Any]) -> bool:
    crowd = entry.get("iscrowd")
    if crowd is None or (isinstance(crowd, (bool, int, float)) and crowd in (0, 1)):
        return bool(crowd)
    raise UnusableValueError("iscrowd", f"is {quote(crowd)}, not 0 or 1", "bad_iscrowd")
