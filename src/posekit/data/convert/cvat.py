"""Reads CVAT XML 1.1, "CVAT for images" and "CVAT for video".

A value that cannot be used raises `UnusableValueError`; the shape or picture it belongs to becomes a problem.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import AnnotationSet, Box, PictureAnnotation
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
from posekit.errors import DatasetError, DatasetNotFoundError
from posekit.files.problems import ProblemList
from posekit.files.values import UnusableValueError, is_number, quote
from posekit.io.decode import MAX_PIXELS
from posekit.ops.polygons import outer_contours

_OCCLUDED, _VISIBLE = 1, 2
_FRAME_SUFFIXES = (".png", ".PNG", ".jpg", ".JPG", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
_NO_SHAPES = ("tag", "attribute")  # elements of a picture
FILE_NAME = "annotations.xml"
_ROOT = "annotations"


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """The drawing of a skeleton: names of its points by node number, and its edges as pairs of names."""

    names: tuple[str, ...] = ()
    limbs: tuple[tuple[str, str], ...] = ()


def read_cvat(source: Path, *, images: Path | None = None) -> AnnotationSet:
    """Read a CVAT file.

    Points of skeletons and single points are keypoints by their label: hidden when marked as occluded, unlabelled
    when marked as outside. Boxes, polygons and masks give the other parts of an object. A shape that has no place in
    an object (a line, an ellipse, a cuboid) is a problem. Of a video only frames with shapes are read.

    `source` is the XML file, or the unpacked folder with ``annotations.xml``.
    """
    path = source / FILE_NAME if source.is_dir() else source
    root = _load_xml(path)
    if root.tag != _ROOT:
        raise DatasetError(f"{path}: its root is <{root.tag}>, that of CVAT XML is <{_ROOT}>")
    problems = ProblemList(str(path))
    search = PictureSearch(path, [] if images is None else [images])
    if root.find("image") is not None:
        pictures = _pictures(root.iterfind("image"), search, problems)
    elif root.find("track") is not None:
        pictures = _frames(root, path, search, problems)
    else:
        raise DatasetError(f"{path}: lists neither pictures (<image>) nor tracks of a video (<track>)")
    return number_objects(pictures, _used(_read_labels(root, problems), pictures), problems)


def _pictures(elements: Iterable[Element], search: PictureSearch, problems: ProblemList) -> list[NamedPicture]:
    pictures: list[NamedPicture] = []
    for number, element in enumerate(elements):
        name = (element.get("name") or "").replace("\\", "/")
        place = f"image {element.get('id') or number} ({quote(name)})"
        try:
            size = _whole_number(element.attrib, "height", lowest=1), _whole_number(element.attrib, "width", lowest=1)
            if not name:
                raise UnusableValueError("name", "is missing", "bad_file_name")
        except UnusableValueError as error:
            text = f"{error.field} {error.message}: the picture is left out"
            problems.add(place, text, error.code, objects=len(element), picture=True)
            continue
        picture = PictureAnnotation(file_name=name, path=search.find(name), size=size, image_id=number)
        pictures.append((picture, join_shapes(_read_shapes(element, place, problems), problems)))
    return pictures


def _frames(root: Element, path: Path, search: PictureSearch, problems: ProblemList) -> list[NamedPicture]:
    """Return the frames of a video that have shapes; CVAT names their pictures ``frame_000012``."""
    head = root.find("./meta//original_size")
    if head is None:
        raise DatasetError(f"{path}: is of a video, but does not give its size (original_size)")
    try:
        size = tuple(
            _whole_number({key: (head.findtext(key) or "").strip()}, key, lowest=1) for key in ("height", "width")
        )
    except UnusableValueError as error:
        raise DatasetError(f"{path}: {error.field} of original_size {error.message}") from error
    pictures: list[NamedPicture] = []
    for frame, elements in _shapes_by_frame(root, problems).items():
        stem = f"frame_{frame:06d}"
        looked_up = (search.find(f"{stem}{suffix}") for suffix in _FRAME_SUFFIXES)
        found = next((picture_path for picture_path in looked_up if picture_path is not None), None)
        name = found.name if found else f"{stem}.png"
        picture = PictureAnnotation(file_name=name, path=found, size=(size[0], size[1]), image_id=frame)
        pictures.append((picture, join_shapes(_read_shapes(elements, f"frame {frame}", problems), problems)))
    return pictures


def _used(named: NamedSchema, pictures: Iterable[NamedPicture]) -> NamedSchema:
    """Return the schema without classes that turned out to be keypoints drawn as single points."""
    objects = [thing for _, things in pictures for thing in things]
    classes, points = {thing.label for thing in objects}, {name for thing in objects for name in thing.points}
    single = [name for name in named.classes if name in points and name not in classes]
    return replace(
        named,
        classes=[name for name in named.classes if name not in single],
        points=list(dict.fromkeys([*named.points, *single])),
    )


def _read_shapes(elements: Iterable[Element], place: str, problems: ProblemList) -> list[Shape]:
    """Return the usable shapes of one picture; each other one is a problem."""
    shapes = []
    for number, element in enumerate(elements):
        here = f"{place} {element.tag} {number}"
        if element.tag in _NO_SHAPES:
            continue
        try:
            shape = _read_shape(element, here, problems)
        except UnusableValueError as error:
            problems.add(here, f"{error.field} {error.message}: the shape is left out", error.code, objects=1)
            continue
        if shape is not None:
            shapes.append(shape)
    return shapes


def _read_shape(element: Element, place: str, problems: ProblemList) -> Shape | None:
    label, group = element.get("label") or "", element.get("group_id") or UNGROUPED
    if not label:
        raise UnusableValueError("label", "is missing", "no_label")
    if element.tag == "skeleton":
        points = _read_skeleton(element, place, problems)
        return Shape(label=label, group=group, place=place, points=points, is_skeleton=True)
    if element.tag == "box":
        box = _read_box(element)
        if _rotation_of(element) % 360:
            problems.add(place, "the box is turned: the upright box around it is taken", "turned_box")
        return Shape(label=label, group=group, place=place, box=box)
    if element.tag == "polygon":
        return Shape(label=label, group=group, place=place, parts=(_read_outline(element),))
    if element.tag == "mask":
        return Shape(label=label, group=group, place=place, parts=_read_mask(element))
    if element.tag == "points":
        point = _read_point(element)
        points = {} if point is None else {label: point}
        return Shape(label=label, group=group, place=place, points=points, is_point=True)
    text = f"'{element.tag}' has no place in boxes, outlines or keypoints"
    raise UnusableValueError("the shape", text, "unsupported_shape")


def _read_skeleton(element: Element, place: str, problems: ProblemList) -> dict[str, NamedPoint]:
    """Return the labelled points of a ``<skeleton>`` by name; a point that cannot be used is a problem."""
    points = {}
    for child in element.iterfind("points"):
        name = child.get("label") or ""
        try:
            point = _read_point(child)
        except UnusableValueError as error:
            problems.add(place, f"point '{name}' {error.message}: taken as unlabelled", error.code)
            continue
        if point is not None:
            points[name] = point
    return points


def _read_box(element: Element) -> Box:
    """Return the corners x1, y1, x2, y2 of a ``<box>``; of a turned one, of the upright box around it."""
    x1, y1, x2, y2 = (_number(element, key) for key in ("xtl", "ytl", "xbr", "ybr"))
    if x2 <= x1 or y2 <= y1:
        text = f"runs from {x1:g}, {y1:g} to {x2:g}, {y2:g}: it has no area"
        raise UnusableValueError("xbr", text, "empty_box")
    return extent_of_turned_box((x1, y1, x2, y2), _rotation_of(element), around=((x1 + x2) / 2, (y1 + y2) / 2))


def _rotation_of(element: Element) -> float:
    """Return the degrees clockwise by which a shape is turned around its centre; 0 when it does not say."""
    return _number(element, "rotation") if element.get("rotation") is not None else 0.0


def _read_outline(element: Element) -> Outline:
    """Return the corners (P, 2) of a ``<polygon>``."""
    corners = _read_pairs(element)
    if len(corners) < 3:
        raise UnusableValueError("points", f"has {len(corners)} corners, an outline has 3 or more", "bad_outline")
    return np.array(corners)


def _read_pairs(element: Element) -> list[tuple[float, float]]:
    """Return the x, y pairs of ``points="x,y;x,y"``."""
    text = element.get("points") or ""
    return [_pair(part) for part in text.split(";")] if text.strip() else []


def _read_point(element: Element) -> NamedPoint | None:
    """Return the place of a ``<points>`` with a single point; None when it is marked as outside."""
    if _is_set(element, "outside"):
        return None
    pairs = _read_pairs(element)
    if len(pairs) != 1:
        text = f"has {len(pairs)} places: only single points have a name that says which keypoint they are"
        raise UnusableValueError("points", text, "unnamed_points")
    (x, y), hidden = pairs[0], _is_set(element, "occluded")
    return NamedPoint(x=x, y=y, visibility=_OCCLUDED if hidden else _VISIBLE)


def _is_set(element: Element, key: str) -> bool:
    """Return whether a mark such as ``outside`` is set."""
    return (element.get(key) or "0").lower() in ("1", "true")


def _whole_number(attributes: Mapping[str, str], key: str, *, lowest: int = 0) -> int:
    """Return a whole number from the attributes of an element."""
    text = attributes.get(key, "")
    number = _number_of_text(text)
    if number is None or number != int(number) or number < lowest:
        raise UnusableValueError(key, f"is {quote(text)}, not a whole number of at least {lowest}", "bad_number")
    return int(number)


def _number(element: Element, key: str) -> float:
    text = element.get(key)
    number = _number_of_text(text)
    if number is None:
        raise UnusableValueError(key, f"is {quote(text)}, not a finite number", "bad_number")
    return number


def _pair(text: str) -> tuple[float, float]:
    numbers = [_number_of_text(part) for part in text.split(",")]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        raise UnusableValueError("points", f"holds {quote(text)}, which is no pair x,y of numbers", "bad_number")
    return numbers[0], numbers[1]


def _number_of_text(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and is_number(number) else None


def _read_mask(element: Element) -> tuple[Outline, ...]:
    """Return the outer contours (P, 2) of a mask, in pixels of the picture, through pixel centres."""
    left, top = _whole_number(element.attrib, "left"), _whole_number(element.attrib, "top")
    width, height = _whole_number(element.attrib, "width", lowest=1), _whole_number(element.attrib, "height", lowest=1)
    if width * height > MAX_PIXELS:
        text = f"is {width} with a height of {height}: more than the {MAX_PIXELS:,} pixels allowed"
        raise UnusableValueError("width", text, "bad_mask")
    mask = _fill(element.get("rle") or "", width * height).reshape(height, width)
    return tuple(np.add(contour, (left, top)) for contour in outer_contours(mask))


def _fill(text: str, pixels: int) -> NDArray[np.uint8]:
    """Return `pixels` values 0 and 1 from run lengths that take turns, beginning with 0."""
    try:
        runs = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UnusableValueError("rle", f"is {quote(text)}, not a list of run lengths", "bad_mask") from error
    if min(runs) < 0 or sum(runs) != pixels:
        text = f"fills {sum(runs)} pixels; its rectangle has {pixels}" if min(runs) >= 0 else "has a run below 0"
        raise UnusableValueError("rle", text, "bad_mask")
    return np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)


def _load_xml(path: Path) -> Element:
    """Return the root of an XML file; entities, with which a small file can fill the memory, are refused."""
    from defusedxml import DefusedXmlException
    from defusedxml import ElementTree as SafeTree

    try:
        root: Element = SafeTree.parse(path, forbid_dtd=True).getroot()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetNotFoundError(f"{path}: there is no such annotation file") from error
    except ParseError as error:
        line, column = error.position
        raise DatasetError(f"{path}:{line}:{column + 1}: is no valid XML here ({error.msg})") from error
    except DefusedXmlException as error:
        raise DatasetError(
            f"{path}: declares a document type or entities, which CVAT never writes and which can do harm: not read"
        ) from error
    except (OSError, ValueError, LookupError) as error:
        raise DatasetError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return root


def _parse_xml(text: str) -> Element | None:
    """Return the root of a piece of XML; None when it is none, or declares entities."""
    from defusedxml import DefusedXmlException
    from defusedxml import ElementTree as SafeTree

    try:
        root: Element = SafeTree.fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    return root


def _read_labels(root: Element, problems: ProblemList) -> NamedSchema:
    """Return the classes and keypoints that the head of a CVAT file declares.

    Points stand in the order of the numbers in the drawing of their skeleton. A single-point label is a class
    here; whether it names a keypoint instead shows only in how it is used.
    """
    labels = [label for labels in root.iterfind("./meta//labels") for label in labels.iterfind("label")]
    classes: list[str] = []
    points: list[str] = []
    limbs: list[tuple[str, str]] = []
    for label in labels:
        name, parent = label.findtext("name"), label.findtext("parent")
        if not name or parent or label.findtext("type") == "tag":  # of whole pictures
            continue
        classes.append(name)
        children = [child.findtext("name") or "" for child in labels if child.findtext("parent") == name]
        drawing = _read_drawing(label, problems, name)
        points += [point for point in drawing.names if point in children]
        points += [point for point in children if point and point not in drawing.names]
        limbs += drawing.limbs
    return NamedSchema(classes=classes, points=list(dict.fromkeys(points)), limbs=list(dict.fromkeys(limbs)))


def _read_drawing(label: Element, problems: ProblemList, name: str) -> _Drawing:
    """Return what the drawing of a skeleton says; CVAT keeps it as escaped SVG without a root."""
    text = label.findtext("svg")
    if not text:
        return _Drawing()
    drawing = _parse_xml(f"<svg>{text}</svg>")
    if drawing is None:
        problems.add(f"label '{name}'", "its drawing is no valid SVG: limbs are not known", "bad_drawing")
        return _Drawing()
    nodes = {
        node.get("data-node-id", ""): node.get("data-label-name", "")
        for node in drawing.iter("circle")
        if node.get("data-label-name")
    }
    edges = [(edge.get("data-node-from", ""), edge.get("data-node-to", "")) for edge in drawing.iter("line")]
    return _Drawing(
        names=tuple(nodes[number] for number in sorted(nodes, key=_as_number)),
        limbs=tuple((nodes[a], nodes[b]) for a, b in edges if a in nodes and b in nodes),
    )


def _as_number(text: str) -> tuple[int, str]:
    """Sort "2" before "10"."""
    return (int(text), "") if text.isdecimal() and len(text) < 10 else (10**10, text)


def _shapes_by_frame(root: Element, problems: ProblemList) -> dict[int, list[Element]]:
    """Return the shapes of all tracks as the file of pictures would hold them, by frame number in rising order.

    A frame in which a track is marked as outside has no shape of it, but is there.
    """
    frames: dict[int, list[Element]] = defaultdict(list)
    for number, track in enumerate(root.iterfind("track")):
        for frame, shape in _track_shapes(track, f"track {track.get('id') or number}", problems):
            frames[frame] += [] if shape is None else [shape]
    return dict(sorted(frames.items()))


def _track_shapes(track: Element, place: str, problems: ProblemList) -> Iterator[tuple[int, Element | None]]:
    """Yield the frame and shape of each entry, None for one that is outside; label and group are those of the track.

    The points of a skeleton are tracks of their own, or hang on its entries.
    """
    head = {"label": track.get("label") or "", "group_id": track.get("group_id") or UNGROUPED}
    parts = track.findall("track")
    skeleton_entries = track.findall("skeleton")
    for element in skeleton_entries if parts or skeleton_entries else track:
        if element.tag == "attribute":
            continue
        frame = _frame(element, f"{place} {element.tag}", problems)
        if frame is not None:
            element.attrib |= head
            yield frame, None if _is_set(element, "outside") else element
    skeletons: dict[int, Element] = {}
    for part in parts:
        for element in part.iterfind("points"):
            frame = _frame(element, f"{place} point '{part.get('label')}'", problems)
            if frame is not None:
                element.set("label", part.get("label") or "")
                skeletons.setdefault(frame, Element("skeleton", head)).append(element)
    for frame, skeleton in skeletons.items():
        yield frame, None if all(_is_set(point, "outside") for point in skeleton) else skeleton


def _frame(element: Element, place: str, problems: ProblemList) -> int | None:
    try:
        return _whole_number(element.attrib, "frame")
    except UnusableValueError as error:
        problems.add(place, f"frame {error.message}: the shape is left out", error.code, objects=1)
        return None
