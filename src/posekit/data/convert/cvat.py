"""Reads CVAT XML 1.1, "CVAT for images" and "CVAT for video"."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.picture_search import PictureSearch
from posekit.data.coco.values import UnusableValueError, quote
from posekit.data.convert.cvat_elements import read_shapes
from posekit.data.convert.cvat_labels import read_labels
from posekit.data.convert.cvat_shapes import whole_number
from posekit.data.convert.cvat_tracks import shapes_by_frame
from posekit.data.convert.frame_pictures import find_frame
from posekit.data.convert.join_shapes import join_shapes
from posekit.data.convert.named import NamedPicture, NamedSchema
from posekit.data.convert.number_objects import number_objects
from posekit.data.convert.safe_xml import load_xml
from posekit.data.problem_list import ProblemList
from posekit.errors import DatasetError

FILE_NAME = "annotations.xml"
ROOT = "annotations"


def read_cvat(source: Path, *, images: Path | None = None) -> AnnotationSet:
    """Read a CVAT file.

    Points of skeletons and single points are keypoints by their label: hidden when marked as occluded, unlabelled
    when marked as outside. Boxes, polygons and masks give the other parts of an object. A shape that has no place in
    an object (a line, an ellipse, a cuboid) is a problem. Of a video only frames with shapes are read.

    Args:
        source: the XML file, or the unpacked folder with ``annotations.xml``.
        images: folder to look for the pictures in first; they are also looked for beside the file.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it is no XML, no CVAT file, or lists neither pictures nor tracks.
    """
    path = source / FILE_NAME if source.is_dir() else source
    root = load_xml(path)
    if root.tag != ROOT:
        raise DatasetError(f"{path}: its root is <{root.tag}>, that of CVAT XML is <{ROOT}>")
    problems = ProblemList(str(path))
    search = PictureSearch(path, [] if images is None else [images])
    if root.find("image") is not None:
        pictures = _pictures(root.iterfind("image"), search, problems)
    elif root.find("track") is not None:
        pictures = _frames(root, path, search, problems)
    else:
        raise DatasetError(f"{path}: lists neither pictures (<image>) nor tracks of a video (<track>)")
    return number_objects(pictures, _used(read_labels(root, problems), pictures), problems)


def _pictures(elements: Iterable[Element], search: PictureSearch, problems: ProblemList) -> list[NamedPicture]:
    pictures = []
    for number, element in enumerate(elements):
        name = (element.get("name") or "").replace("\\", "/")
        place = f"image {element.get('id') or number} ({quote(name)})"
        try:
            size = whole_number(element.attrib, "height", lowest=1), whole_number(element.attrib, "width", lowest=1)
            if not name:
                raise UnusableValueError("name", "is missing", "bad_file_name")
        except UnusableValueError as error:
            text = f"{error.field} {error.message}: the picture is left out"
            problems.add(place, text, error.code, objects=len(element), picture=True)
            continue
        objects = join_shapes(read_shapes(element, place, problems), problems)
        pictures.append(
            NamedPicture(file_name=name, path=search.find(name), size=size, objects=tuple(objects), image_id=number)
        )
    return pictures


def _frames(root: Element, path: Path, search: PictureSearch, problems: ProblemList) -> list[NamedPicture]:
    """Return the frames of a video that have shapes; CVAT names their pictures ``frame_000012``."""
    head = root.find("./meta//original_size")
    if head is None:
        raise DatasetError(f"{path}: is of a video, but does not give its size (original_size)")
    try:
        size = tuple(
            whole_number({key: (head.findtext(key) or "").strip()}, key, lowest=1) for key in ("height", "width")
        )
    except UnusableValueError as error:
        raise DatasetError(f"{path}: {error.field} of original_size {error.message}") from error
    pictures = []
    for frame, elements in shapes_by_frame(root, problems).items():
        stem = f"frame_{frame:06d}"
        found = find_frame(search, stem)
        objects = join_shapes(read_shapes(elements, f"frame {frame}", problems), problems)
        pictures.append(
            NamedPicture(
                file_name=found.name if found else f"{stem}.png",
                path=found,
                size=(size[0], size[1]),
                objects=tuple(objects),
                image_id=frame,
            )
        )
    return pictures


def _used(named: NamedSchema, pictures: Iterable[NamedPicture]) -> NamedSchema:
    """Return the schema without classes that turned out to be keypoints drawn as single points."""
    objects = [thing for picture in pictures for thing in picture.objects]
    classes, points = {thing.label for thing in objects}, {name for thing in objects for name in thing.points}
    single = [name for name in named.classes if name in points and name not in classes]
    return replace(
        named,
        classes=[name for name in named.classes if name not in single],
        points=list(dict.fromkeys([*named.points, *single])),
    )
