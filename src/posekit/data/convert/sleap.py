"""Reads SLEAP projects and packages (``.slp``, ``.pkg.slp``)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.picture_search import PictureSearch
from posekit.data.coco.values import UnusableValueError, is_number
from posekit.data.convert.h5_file import open_h5, read_array
from posekit.data.convert.named import NamedObject, NamedPicture, NamedPoint, NamedSchema
from posekit.data.convert.number_objects import number_objects
from posekit.data.convert.sleap_pictures import SleapPictures
from posekit.data.convert.sleap_skeleton import SleapSkeleton, read_skeletons
from posekit.data.problem_list import ProblemList
from posekit.errors import DatasetError

if TYPE_CHECKING:
    import h5py

_USER = 0
# Until then the corner of the first pixel was 0, 0; since then it is the pixel's centre.
_PIXEL_CENTRES_SINCE = 1.1


def read_sleap(source: Path, *, extracted: Path, images: Path | None = None) -> AnnotationSet:
    """Read what people labelled in SLEAP; predictions do not count.

    The skeleton is the class of an instance. Points marked as not visible have no sure place and are unlabelled.
    Symmetries give the mirror map. A frame without labels is background when it is marked as negative; else it was
    not labelled, and is left out.

    Args:
        source: the file.
        extracted: folder that embedded pictures are written into, as PNG; made when there are some.
        images: folder to look in first for pictures that are files of their own.

    Raises:
        MissingExtraError: h5py is not installed.
        DatasetNotFoundError: there is no such file.
        DatasetError: it is no SLEAP file, or a damaged one.
        OutputError: embedded pictures cannot be written.
    """
    problems = ProblemList(str(source))
    search = PictureSearch(source, [] if images is None else [images])
    with open_h5(source) as file:
        if not {"metadata", "frames", "instances", "points", "videos_json"} <= set(file):
            raise DatasetError(f"{source}: is HDF5, but not of SLEAP (metadata, frames, instances, points are missing)")
        tables = _Tables.read(file)
        pictures = _read_frames(tables, SleapPictures(file, search, extracted), problems)
    return number_objects(pictures, _named(tables.skeletons), problems)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tables:
    """What the file stores, row by row."""

    skeletons: list[SleapSkeleton]
    frames: Any
    instances: Any
    points: Any
    negative: frozenset[tuple[int, int]]
    shift: float

    @classmethod
    def read(cls, file: "h5py.File") -> "_Tables":
        metadata = file["metadata"].attrs
        text = metadata["json"]
        negative = read_array(file, "negative_frames").tolist() if "negative_frames" in file else []
        return cls(
            skeletons=read_skeletons(text.decode("utf-8") if isinstance(text, bytes) else str(text)),
            frames=read_array(file, "frames"),
            instances=read_array(file, "instances"),
            points=read_array(file, "points"),
            negative=frozenset((int(video), int(frame)) for video, frame in negative),
            shift=0.0 if float(metadata["format_id"]) >= _PIXEL_CENTRES_SINCE else -0.5,
        )


def _named(skeletons: list[SleapSkeleton]) -> NamedSchema:
    symmetries = list(dict.fromkeys(pair for skeleton in skeletons for pair in skeleton.symmetries))
    return NamedSchema(
        classes=list(dict.fromkeys(skeleton.name for skeleton in skeletons)),
        points=list(dict.fromkeys(node for skeleton in skeletons for node in skeleton.nodes)),
        limbs=list(dict.fromkeys(edge for skeleton in skeletons for edge in skeleton.edges)),
        mirrored=symmetries or None,
    )


def _read_frames(tables: _Tables, source: SleapPictures, problems: ProblemList) -> list[NamedPicture]:
    pictures = []
    for row in tables.frames:
        video, frame = int(row["video"]), int(row["frame_idx"])
        place = f"video {video} frame {frame}"
        objects = _read_instances(
            tables, tables.instances[_span(row, "instance_id", tables.instances)], place, problems
        )
        if not objects and (video, frame) not in tables.negative:
            problems.add(place, "nobody has labelled it: the picture is left out", "not_labelled", picture=True)
            continue
        try:
            found = source.find(video, frame)
        except UnusableValueError as error:
            text = f"{error.field} {error.message}"
            problems.add(place, text, error.code, objects=len(objects), picture=True)
            continue
        pictures.append(
            NamedPicture(file_name=found.file_name, path=found.path, size=found.size, objects=tuple(objects))
        )
    return pictures


def _read_instances(tables: _Tables, rows: Any, place: str, problems: ProblemList) -> list[NamedObject]:
    """Return the instances that people labelled."""
    objects = []
    for number, row in enumerate(rows):
        here = f"{place} instance {number}"
        if int(row["instance_type"]) == _USER:
            objects.append(_read_instance(tables, row, here, problems))
        else:
            problems.tally(here, "predictions of a network are no labels", "predicted_instance", left_out=True)
    return objects


def _read_instance(tables: _Tables, row: Any, place: str, problems: ProblemList) -> NamedObject:
    number = int(row["skeleton"])
    if number >= len(tables.skeletons):
        raise ValueError(f"{place} is of skeleton {number}, of {len(tables.skeletons)}")
    skeleton = tables.skeletons[number]
    rows = tables.points[_span(row, "point_id", tables.points)]
    if len(rows) != len(skeleton.nodes):
        raise ValueError(f"{place} has {len(rows)} points, its skeleton {len(skeleton.nodes)}")
    points = {}
    for name, point in zip(skeleton.nodes, rows, strict=True):
        x, y = float(point["x"]) + tables.shift, float(point["y"]) + tables.shift
        if not point["visible"] or np.isnan(x) or np.isnan(y):
            continue
        if is_number(x) and is_number(y):
            points[name] = NamedPoint(x=x, y=y)
        else:
            problems.add(place, f"'{name}' is at {x:g}, {y:g}: taken as unlabelled", "bad_number")
    return NamedObject(label=skeleton.name, place=place, points=points)


def _span(row: Any, name: str, table: Any) -> slice:
    """Return the rows of another table that a row points at."""
    start, end = int(row[f"{name}_start"]), int(row[f"{name}_end"])
    if not 0 <= start <= end <= len(table):
        raise ValueError(f"{name} runs from {start} to {end}, in a table of {len(table)}")
    return slice(start, end)
