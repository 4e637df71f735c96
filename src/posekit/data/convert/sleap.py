"""Reads SLEAP projects and packages (``.slp``, ``.pkg.slp``)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posekit.data.annotation import AnnotationSet, PictureAnnotation
from posekit.data.convert.objects import NamedObject, NamedPicture, NamedPoint, NamedSchema, NamePair, number_objects
from posekit.data.find_pictures import PictureSearch
from posekit.errors import DatasetError, DatasetNotFoundError, MissingExtraError, PosekitError
from posekit.files.pictures import write_picture
from posekit.files.problems import ProblemList
from posekit.files.values import UnusableValueError, is_number
from posekit.io.decode import MAX_PIXELS, decode_image, picture_size
from posekit.log import one_line

if TYPE_CHECKING:
    import h5py


# Of a set that says it is larger, reading would fill the memory: HDF5 stores nothing for values never written.
_MOST_BYTES = 2**31

# Before this format, pictures were always encoded with OpenCV from RGB frames.
_CHANNEL_ORDER_SINCE = 1.4

_UNNAMED = "Skeleton-"  # what SLEAP calls an unnamed skeleton; as a class name it says nothing
_NAMELESS = "animal"
_SYMMETRY = 2
_USER = 0

# Until then the corner of the first pixel was 0, 0; since then it is the pixel's centre.
_PIXEL_CENTRES_SINCE = 1.1


class _Pictures:
    """Gives the pictures of frames; those that are embedded are written into the folder `extracted`."""

    def __init__(self, file: "h5py.File", search: PictureSearch, extracted: Path) -> None:
        self._file = file
        self._search = search
        self._extracted = extracted
        self._videos = [json.loads(text) for text in read_array(file, "videos_json")]

    def find(self, video: int, frame: int) -> PictureAnnotation:
        """Return the picture of a frame of a video, or say by an `UnusableValueError` why it is not there.

        `video` is its number; in old files the number in the name of its group.
        """
        entry = self._entry(video)
        backend = _backend_of(entry)
        dataset = backend.get("dataset")
        if isinstance(dataset, str) and dataset in self._file and "format" in self._file[dataset].attrs:
            return self._extract(dataset, video, frame)
        files = next(
            (names for names in (backend.get("filenames"), backend.get("filename")) if isinstance(names, list)), None
        )
        if files is not None:
            return self._file_of(files, frame)
        name = str(backend.get("filename") or entry.get("filename"))
        text = f"is frame {frame} of the video {name}, not embedded: in SLEAP, export a labels package (.pkg.slp)"
        raise UnusableValueError("the picture", text, "frame_of_video")

    def _entry(self, video: int) -> Mapping[str, Any]:
        """Return the description of a video, found by its number, else by the name of its group."""
        if video < len(self._videos):
            found = self._videos[video]
        else:
            group = f"video{video}/video"
            found = next((entry for entry in self._videos if _backend_of(entry).get("dataset") == group), None)
        if not isinstance(found, dict):
            raise UnusableValueError("the picture", f"is of video {video}, which the file does not have", "no_video")
        return found

    def _extract(self, dataset: str, video: int, frame: int) -> PictureAnnotation:
        stored = self._file[dataset]
        numbers = read_array(stored.parent, "frame_numbers").tolist()
        if frame not in numbers:
            text = f"is frame {frame} of video {video}, of which only other frames are embedded"
            raise UnusableValueError("the picture", text, "frame_not_embedded")
        if stored.nbytes // max(len(stored), 1) > MAX_PIXELS:
            text = f"says that it takes {stored.nbytes // len(stored):,} bytes"
            raise UnusableValueError("the embedded picture", text, "unreadable_picture")
        data = np.asarray(stored[numbers.index(frame)])
        image = self._decode(data, plain_text(stored.attrs["format"]), stored.attrs)
        name = f"video{video}_frame{frame:06d}.png"
        path = self._extracted / name
        write_picture(path, image)
        return PictureAnnotation(file_name=name, path=path, size=(image.shape[0], image.shape[1]))

    def _decode(self, data: NDArray[Any], kind: str, attributes: Mapping[str, Any]) -> NDArray[np.uint8]:
        """Return an embedded picture (h, w, 3) uint8 BGR."""
        if kind == "hdf5":
            return _from_array(data)
        try:
            image = decode_image(data.astype(np.uint8).tobytes().rstrip(b"\0"))  # rows are filled up to one length
        except PosekitError as error:
            raise UnusableValueError("the embedded picture", str(error), "unreadable_picture") from error
        order = attributes.get("channel_order")
        if order is None:
            version = float(self._file["metadata"].attrs["format_id"])
            order = "BGR" if version < _CHANNEL_ORDER_SINCE else "RGB"
        # "BGR" means: an RGB frame was encoded as if it were BGR, so that red and blue have changed places.
        return np.ascontiguousarray(image[..., ::-1]) if plain_text(order) == "BGR" else image

    def _file_of(self, files: Sequence[Any], frame: int) -> PictureAnnotation:
        if frame >= len(files) or not isinstance(files[frame], str):
            text = f"is number {frame} of a list of {len(files)} files"
            raise UnusableValueError("the picture", text, "frame_not_listed")
        name = files[frame].replace("\\", "/")
        path = self._search.find(name)
        if path is None:
            text = f"{name} is not there; name the folder of the pictures, images="
            raise UnusableValueError("the picture", text, "no_picture")
        try:
            return PictureAnnotation(file_name=path.name, path=path, size=picture_size(str(path)))
        except PosekitError as error:
            raise UnusableValueError("the picture", f"cannot be read ({error})", "unreadable_picture") from error


@dataclass(frozen=True, kw_only=True)
class _Skeleton:
    """The class name of its instances, its points in their order, its edges, and its left-right pairs."""

    name: str
    nodes: tuple[str, ...]
    edges: tuple[NamePair, ...]
    symmetries: tuple[NamePair, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tables:
    """What the file stores, row by row."""

    skeletons: list[_Skeleton]
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
            skeletons=_read_skeletons(text.decode("utf-8") if isinstance(text, bytes) else str(text)),
            frames=read_array(file, "frames"),
            instances=read_array(file, "instances"),
            points=read_array(file, "points"),
            negative=frozenset((int(video), int(frame)) for video, frame in negative),
            shift=0.0 if float(metadata["format_id"]) >= _PIXEL_CENTRES_SINCE else -0.5,
        )


def read_sleap(source: Path, *, extracted: Path, images: Path | None = None) -> AnnotationSet:
    """Read what people labelled in SLEAP; predictions do not count.

    The skeleton is the class of an instance. Points marked as not visible have no sure place and are unlabelled.
    Symmetries give the mirror map. A frame without labels is background when it is marked as negative; else it was
    not labelled, and is left out.

    Embedded pictures are written into the folder `extracted` as PNG; it is made when there are some.

    Raises:
        MissingExtraError: h5py is not installed.
        OutputError: embedded pictures cannot be written.
    """
    problems = ProblemList(str(source))
    search = PictureSearch(source, [] if images is None else [images])
    with open_h5(source) as file:
        if not {"metadata", "frames", "instances", "points", "videos_json"} <= set(file):
            raise DatasetError(f"{source}: is HDF5, but not of SLEAP (metadata, frames, instances, points are missing)")
        tables = _Tables.read(file)
        pictures = _read_frames(tables, _Pictures(file, search, extracted), problems)
    return number_objects(pictures, _named(tables.skeletons), problems)


def _named(skeletons: list[_Skeleton]) -> NamedSchema:
    symmetries = list(dict.fromkeys(pair for skeleton in skeletons for pair in skeleton.symmetries))
    return NamedSchema(
        classes=list(dict.fromkeys(skeleton.name for skeleton in skeletons)),
        points=list(dict.fromkeys(node for skeleton in skeletons for node in skeleton.nodes)),
        limbs=list(dict.fromkeys(edge for skeleton in skeletons for edge in skeleton.edges)),
        mirrored=symmetries or None,
    )


def _read_frames(tables: _Tables, source: _Pictures, problems: ProblemList) -> list[NamedPicture]:
    pictures: list[NamedPicture] = []
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
        pictures.append((found, objects))
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


@contextmanager
def open_h5(path: Path) -> Iterator["h5py.File"]:
    """Open an HDF5 file for reading; whatever HDF5 says while it is read becomes a `DatasetError`."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("HDF5 files of DeepLabCut and SLEAP", "h5", "h5py") from error
    if not path.is_file():
        raise DatasetNotFoundError(f"{path}: there is no such file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except PosekitError:
        raise
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path}: is no HDF5 file, or a damaged one ({one_line(error, 200)})") from error
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError) as error:
        raise DatasetError(f"{path}: does not hold what it should ({one_line(error, 200)})") from error


def read_array(group: "h5py.Group", name: str) -> Any:
    """Return a set of an open file as an array; more than 2 GiB are refused."""
    import h5py

    stored = group[name]
    if not isinstance(stored, h5py.Dataset):
        raise ValueError(f"{name} is a group")
    if stored.nbytes > _MOST_BYTES:
        raise ValueError(f"{name} says that it holds {stored.nbytes:,} bytes")
    return stored[()]


def plain_text(value: Any) -> str:
    """Return text of an HDF5 file, which may be bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _from_array(data: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a stored RGB or gray frame (h, w, 1 or 3) as BGR."""
    if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] not in (1, 3):
        text = f"is an array of {data.dtype} and shape {data.shape}, not (h, w, 1 or 3) of bytes"
        raise UnusableValueError("the embedded picture", text, "unreadable_picture")
    return np.ascontiguousarray(np.repeat(data, 3 // data.shape[2], 2)[..., ::-1])


def _backend_of(entry: Any) -> Mapping[str, Any]:
    backend = entry.get("backend") if isinstance(entry, dict) else None
    return backend if isinstance(backend, dict) else {}


def _read_skeletons(text: str) -> list[_Skeleton]:
    """Return the skeletons in the metadata of a SLEAP file."""
    content = json.loads(text)
    names = [str(node["name"]) for node in content["nodes"]]
    return [_read_skeleton(entry, names) for entry in content["skeletons"]]


def _read_skeleton(entry: Mapping[str, Any], names: Sequence[str]) -> _Skeleton:
    name = str(entry.get("graph", {}).get("name") or _NAMELESS)
    edges: list[NamePair] = []
    symmetries: list[NamePair] = []
    for link, kind in zip(entry["links"], _kinds(entry["links"]), strict=True):
        pair = names[_index(link["source"])], names[_index(link["target"])]
        (symmetries if kind == _SYMMETRY else edges).append(pair)
    return _Skeleton(
        name=_NAMELESS if name.startswith(_UNNAMED) else name,
        nodes=tuple(names[_index(node["id"])] for node in entry["nodes"]),
        edges=tuple(edges),
        symmetries=tuple(dict.fromkeys((min(pair), max(pair)) for pair in symmetries)),
    )


def _kinds(links: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return 1 (edge) or 2 (symmetry) for each link.

    The first link of a kind spells it out; later ones point back at it by its number among those spelled out.
    """
    spelled: list[int] = []
    kinds = []
    for link in links:
        kind = link["type"]
        if "py/reduce" in kind:
            spelled.append(int(kind["py/reduce"][1]["py/tuple"][0]))
            kinds.append(spelled[-1])
        else:
            kinds.append(spelled[_index(int(kind["py/id"]) - 1)])
    return kinds


def _index(value: Any) -> int:
    """Return an index; a negative one would count from the end."""
    if type(value) is not int or value < 0:
        raise IndexError(f"{value!r} is no index")
    return value
