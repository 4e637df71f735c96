"""The ``<track>`` elements of "CVAT for video": the shapes of an object over the frames."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from posekit.data.coco.values import UnusableValueError
from posekit.data.convert.cvat_shapes import is_set, whole_number
from posekit.data.problem_list import ProblemList

if TYPE_CHECKING:
    from collections.abc import Mapping

FrameShapes = dict[int, list[Element]]


def shapes_by_frame(root: Element, problems: ProblemList) -> FrameShapes:
    """Return the shapes of all tracks as the file of pictures would hold them, by frame number in rising order.

    A frame in which a track is marked as outside has no shape of it, but is there.
    """
    frames: FrameShapes = defaultdict(list)
    for number, track in enumerate(root.iterfind("track")):
        place = f"track {track.get('id') or number}"
        for frame, shape in (
            _skeletons(track, place, problems) if _is_skeleton(track) else _shapes(track, place, problems)
        ):
            frames[frame] += [] if shape is None else [shape]
    return dict(sorted(frames.items()))


def _is_skeleton(track: Element) -> bool:
    return track.find("track") is not None or track.find("skeleton") is not None


def _shapes(track: Element, place: str, problems: ProblemList) -> Iterator[tuple[int, Element | None]]:
    """Yield the frame and shape of each entry, None for one that is outside; the label is that of the track."""
    for element in track:
        if element.tag == "attribute":
            continue
        frame = _frame(element.attrib, f"{place} {element.tag}", problems)
        if frame is not None:
            element.attrib |= {"label": track.get("label") or "", "group_id": track.get("group_id") or "0"}
            yield frame, None if is_set(element, "outside") else element


def _skeletons(track: Element, place: str, problems: ProblemList) -> Iterator[tuple[int, Element | None]]:
    """Yield the frame and skeleton of a track whose points are tracks of their own, or hang on its entries."""
    for element in track.iterfind("skeleton"):
        yield from _shapes_of_entry(track, element, place, problems)
    skeletons: dict[int, Element] = {}
    for child in track.iterfind("track"):
        for element in child.iterfind("points"):
            frame = _frame(element.attrib, f"{place} point '{child.get('label')}'", problems)
            if frame is None:
                continue
            head = {"label": track.get("label") or "", "group_id": track.get("group_id") or "0"}
            skeleton = skeletons.setdefault(frame, Element("skeleton", head))
            element.set("label", child.get("label") or "")
            skeleton.append(element)
    for frame, skeleton in skeletons.items():
        all_outside = all(is_set(point, "outside") for point in skeleton)
        yield frame, None if all_outside else skeleton


def _shapes_of_entry(
    track: Element, element: Element, place: str, problems: ProblemList
) -> Iterator[tuple[int, Element | None]]:
    frame = _frame(element.attrib, f"{place} skeleton", problems)
    if frame is not None:
        element.attrib |= {"label": track.get("label") or "", "group_id": track.get("group_id") or "0"}
        yield frame, None if is_set(element, "outside") else element


def _frame(attributes: "Mapping[str, str]", place: str, problems: ProblemList) -> int | None:
    try:
        return whole_number(attributes, "frame")
    except UnusableValueError as error:
        problems.add(place, f"frame {error.message}: the shape is left out", error.code, objects=1)
        return None
