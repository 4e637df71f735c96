"""Reads COCO JSON: every value is checked, every object is either read or named in a problem."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posekit.config.task_parts import TASKS_WITH_OUTLINES
from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.coco.annotations import AnnotationReader
from posekit.data.coco.categories import find_categories
from posekit.data.coco.class_numbers import ClassNumbers
from posekit.data.coco.images import ImageEntry, claimed_ids, read_images
from posekit.data.coco.json_file import load_coco
from posekit.data.coco.picture_search import PictureSearch
from posekit.data.coco.values import UnusableValueError, quote, read_id, read_key
from posekit.data.picture_header import picture_size
from posekit.data.problem_list import ProblemList
from posekit.errors import PosekitError

Objects = dict[int | str, list[ObjectAnnotation]]


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
        class_numbers: how categories become class numbers, as for `number_classes`.

    Returns:
        The pictures in the order of the file. A picture that was not found has no path.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: the file is no COCO ground truth, or its keypoint lists do not fit its categories.
    """
    content = load_coco(path)
    problems = ProblemList(str(path))
    categories = find_categories(content, path, problems, class_numbers)
    search = PictureSearch(path, image_dirs) if find_pictures else None
    counts = Counter(key for entry in content["annotations"] if (key := _image_key(entry)) is not None)
    images = read_images(content["images"], counts, lambda name: _size_on_disk(name, search), problems)
    reader = AnnotationReader(categories=categories, with_parts=task in TASKS_WITH_OUTLINES, problems=problems)
    objects = _read_objects(content, images, reader, problems)
    pictures = (_picture(image, search, objects) for image in images.values())
    return AnnotationSet(
        names=categories.names, schema=categories.schema, pictures=tuple(pictures), problems=problems.all()
    )


def _size_on_disk(file_name: str, search: PictureSearch | None) -> tuple[int, int] | None:
    found = search.find(file_name) if search else None
    try:
        return picture_size(str(found)) if found else None
    except PosekitError:
        return None


def _read_objects(
    content: Mapping[str, Any], images: Mapping[int | str, ImageEntry], reader: AnnotationReader, problems: ProblemList
) -> Objects:
    """Return the objects by the id of their picture; what is left out goes into `problems`."""
    objects: Objects = {key: [] for key in images}
    counted = claimed_ids(content["images"]) - images.keys()
    ids = _IdCheck(problems)
    for position, entry in enumerate(content["annotations"]):
        place = _place(position, entry)
        try:
            key = _picture_of(entry)
            if key in counted:
                continue  # counted with its picture
            if key not in images:
                raise UnusableValueError("image_id", f"is {quote(key)}, which no entry of images has", "no_such_image")
            objects[key].append(reader.read(entry, images[key].size, place))
            ids.check(entry, place)
        except UnusableValueError as error:
            error.add_to(problems, place, objects=1)
    return objects


class _IdCheck:
    """Tells of annotation ids that COCO's scoring tools would stumble over."""

    def __init__(self, problems: ProblemList) -> None:
        self._seen: set[int] = set()
        self._problems = problems

    def check(self, entry: Mapping[str, Any], place: str) -> None:
        """Take note of an annotation's id; the annotation is read whatever it is."""
        if "id" not in entry:
            return
        try:
            number = read_id(entry["id"], "id", "bad_annotation_id")
        except UnusableValueError as error:
            error.add_to(self._problems, place)
            return
        if number in self._seen:
            text = "its id is another annotation's, too; it is read, but COCO's scoring tools need ids of their own"
            self._problems.tally(place, text, "duplicate_annotation_id", left_out=False)
        self._seen.add(number)


def _picture_of(entry: Any) -> int | str:
    if not isinstance(entry, dict):
        raise UnusableValueError("image_id", f"the entry is {quote(entry)}, not a dictionary", "bad_annotation")
    if "image_id" not in entry:
        raise UnusableValueError("image_id", "is missing: the object belongs to no picture", "no_image_id")
    return read_key(entry["image_id"], "image_id", "bad_image_id")


def _image_key(entry: Any) -> int | str | None:
    try:
        return _picture_of(entry)
    except UnusableValueError:
        return None


def _place(position: int, entry: Any) -> str:
    number = entry.get("id") if isinstance(entry, dict) else None
    return f"annotations[{position}]" + (f" (id {quote(number)})" if isinstance(number, (int, str)) else "")


def _picture(image: ImageEntry, search: PictureSearch | None, objects: Objects) -> PictureAnnotation:
    return PictureAnnotation(
        file_name=image.file_name,
        path=search.find(image.file_name) if search else None,
        size=image.size,
        objects=tuple(objects[image.image_id]),
        image_id=image.image_id,
    )
