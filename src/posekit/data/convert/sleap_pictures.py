"""The pictures of a SLEAP file: embedded in it, files of their own, or frames of a video."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from posekit.data.coco.picture_search import PictureSearch
from posekit.data.coco.values import UnusableValueError
from posekit.data.convert.h5_file import read_array
from posekit.data.picture_header import picture_size
from posekit.errors import OutputError, PosekitError
from posekit.io.decode import MAX_PIXELS, decode_image

if TYPE_CHECKING:
    import h5py

# Before this format, pictures were always encoded with OpenCV from RGB frames.
_CHANNEL_ORDER_SINCE = 1.4


@dataclass(frozen=True, kw_only=True)
class FoundPicture:
    """A picture on disk, its name, and its (h, w) in pixels."""

    file_name: str
    path: Path
    size: tuple[int, int]


class SleapPictures:
    """Gives the pictures of frames.

    Args:
        file: the open file.
        search: finds pictures that are files of their own.
        extracted: folder that embedded pictures are written into.
    """

    def __init__(self, file: "h5py.File", search: PictureSearch, extracted: Path) -> None:
        self._file = file
        self._search = search
        self._extracted = extracted
        self._videos = [json.loads(text) for text in read_array(file, "videos_json")]

    def find(self, video: int, frame: int) -> FoundPicture:
        """Return the picture of a frame, after writing it to disk if it is embedded.

        Args:
            video: number of the video; of old files the number in the name of its group.
            frame: number of the frame in the video.

        Raises:
            UnusableValueError: it is not there; the message says why.
            OutputError: it cannot be written.
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

    def _extract(self, dataset: str, video: int, frame: int) -> FoundPicture:
        stored = self._file[dataset]
        numbers = read_array(stored.parent, "frame_numbers").tolist()
        if frame not in numbers:
            text = f"is frame {frame} of video {video}, of which only other frames are embedded"
            raise UnusableValueError("the picture", text, "frame_not_embedded")
        if stored.nbytes // max(len(stored), 1) > MAX_PIXELS:
            text = f"says that it takes {stored.nbytes // len(stored):,} bytes"
            raise UnusableValueError("the embedded picture", text, "unreadable_picture")
        data = np.asarray(stored[numbers.index(frame)])
        image = self._decode(data, _text(stored.attrs["format"]), stored.attrs)
        name = f"video{video}_frame{frame:06d}.png"
        path = self._extracted / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        return FoundPicture(file_name=name, path=path, size=(image.shape[0], image.shape[1]))

    def _decode(
        self, data: "np.ndarray[Any, np.dtype[Any]]", kind: str, attributes: Mapping[str, Any]
    ) -> "np.ndarray[Any, np.dtype[np.uint8]]":
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
        return np.ascontiguousarray(image[..., ::-1]) if _text(order) == "BGR" else image

    def _file_of(self, files: Sequence[Any], frame: int) -> FoundPicture:
        if frame >= len(files) or not isinstance(files[frame], str):
            text = f"is number {frame} of a list of {len(files)} files"
            raise UnusableValueError("the picture", text, "frame_not_listed")
        name = files[frame].replace("\\", "/")
        path = self._search.find(name)
        if path is None:
            text = f"{name} is not there; name the folder of the pictures, images="
            raise UnusableValueError("the picture", text, "no_picture")
        try:
            return FoundPicture(file_name=path.name, path=path, size=picture_size(str(path)))
        except PosekitError as error:
            raise UnusableValueError("the picture", f"cannot be read ({error})", "unreadable_picture") from error


def _from_array(data: "np.ndarray[Any, np.dtype[Any]]") -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Return a stored RGB or gray frame (h, w, 1 or 3) as BGR."""
    if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] not in (1, 3):
        text = f"is an array of {data.dtype} and shape {data.shape}, not (h, w, 1 or 3) of bytes"
        raise UnusableValueError("the embedded picture", text, "unreadable_picture")
    return np.ascontiguousarray(np.repeat(data, 3 // data.shape[2], 2)[..., ::-1])


def _backend_of(entry: Any) -> Mapping[str, Any]:
    backend = entry.get("backend") if isinstance(entry, dict) else None
    return backend if isinstance(backend, dict) else {}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
