"""What every source of pictures offers to the engine; files and pictures in memory as sources."""

import itertools
import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, Union

import numpy as np
from numpy.typing import NDArray

from posekit.errors import (
    DownloadError,
    MissingExtraError,
    SourceNotFoundError,
    SourceTypeError,
    UnreadableImageError,
)
from posekit.files.download import download_media, is_url
from posekit.files.magic import media_kind
from posekit.files.user_folders import data_folder
from posekit.io.decode import from_array, from_pil, from_rgb, from_tensor, read_image
from posekit.io.video import holds_video, read_video
from posekit.log import LOGGER
from posekit.sample import Floats, Origin, Picture, Sample

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

InMemory: TypeAlias = Union["Image", NDArray[Any]]


class Source(ABC):
    """Batches of samples, in order.

    Iterating opens what has to be opened; the end, `close` or leaving the ``with`` block releases it. Iterating
    again starts from the beginning. `close` belongs to the thread that iterates (`Prefetcher` sees to that).

    Attributes:
        count: how many files, arrays or streams there are; None when not known.
        live: whether frames arrive by themselves and without a known end (webcam, network stream, screen).
        is_video: whether any of it is a video or a stream, so that there may be very many frames.
    """

    count: int | None
    live: bool = False
    is_video: bool = False
    _running: Generator[list[Sample], None, None] | None = None

    def __iter__(self) -> Iterator[list[Sample]]:
        self.close()
        self._running = self._batches()
        return self._running

    @abstractmethod
    def _batches(self) -> Generator[list[Sample], None, None]:
        """Yield the batches; release everything in ``finally``."""

    def close(self) -> None:
        """Release files, cameras and threads; harmless when repeated."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _skip_unreadable(count: int) -> Iterator[None]:
    """Turn the error of a file that cannot be read into a warning, unless it is the only one of `count`."""
    try:
        yield
    except (UnreadableImageError, SourceNotFoundError, DownloadError, MissingExtraError) as error:
        if count == 1:
            raise
        LOGGER.warning("%s; skipped", error)


def _nothing_read(count: int) -> UnreadableImageError:
    return UnreadableImageError(f"none of the {count} pictures or videos can be read: see the warnings above")


class FileSource(Source):
    """Files and downloads, in the order given. A batch holds pictures, or frames of one video.

    Of several files one that cannot be read is skipped with one warning.

    Args:
        entries: absolute paths, and URLs that are downloaded when their turn comes.
        image_batch: how many pictures make a batch.
        video_batch: how many frames make a batch.
        vid_stride: of how many frames of a video one is kept.
        download_dir: where downloads go.

    Raises (when iterated):
        UnreadableImageError, SourceNotFoundError, DownloadError, MissingExtraError: the only file cannot be read.
        UnreadableImageError: none of the files can be read.
    """

    def __init__(
        self, entries: Sequence[Path | str], *, image_batch: int, video_batch: int, vid_stride: int, download_dir: Path
    ) -> None:
        self.count: int = len(entries)
        self.is_video = any(media_kind(str(entry)) == "video" for entry in entries)
        self._entries = entries
        self._image_batch = image_batch
        self._video_batch = video_batch
        self._vid_stride = vid_stride
        self._download_dir = download_dir

    def _batches(self) -> Generator[list[Sample], None, None]:
        with closing(self._samples()) as samples:
            for video, run in itertools.groupby(samples, key=_video_of):
                size = self._image_batch if video is None else self._video_batch
                while batch := list(itertools.islice(run, size)):
                    yield batch

    def _samples(self) -> Generator[Sample, None, None]:
        """Yield everything that can be read, file by file."""
        came = 0
        for index, entry in enumerate(self._entries, start=1):
            with _skip_unreadable(self.count), closing(self._read(entry, index)) as samples:
                for sample in samples:
                    came += 1
                    yield sample
        if not came:
            raise _nothing_read(self.count)

    def _read(self, entry: Path | str, index: int) -> Generator[Sample, None, None]:
        path = entry if isinstance(entry, Path) else download_media(entry, self._download_dir)
        if holds_video(path):
            yield from read_video(path, index=index, count=self.count, vid_stride=self._vid_stride)
        else:
            origin = Origin(kind="image", index=index, count=self.count)
            yield Sample(image=read_image(path), path=str(path), origin=origin)


def _video_of(sample: Sample) -> int | None:
    """Return the number of the video that a frame belongs to; None for pictures, which may share a batch."""
    return sample.origin.index if sample.origin.kind == "video" else None


class MemorySource(Source):
    """One batch of PIL images and arrays, and of picture files (paths, URLs) given along with them.

    Of several pictures one that cannot be decoded is skipped with one warning; an array that is no picture is an error.
    """

    def __init__(self, pictures: Sequence[InMemory | Path | str], *, download_dir: Path) -> None:
        self.count: int = len(pictures)
        self._pictures = pictures
        self._download_dir = download_dir

    def _batches(self) -> Generator[list[Sample], None, None]:
        batch = []
        for index, picture in enumerate(self._pictures):
            with _skip_unreadable(self.count):
                batch.append(self._read(picture, index))
        if not batch:
            raise _nothing_read(self.count)
        yield batch

    def _read(self, picture: InMemory | Path | str, index: int) -> Sample:
        origin = Origin(kind="array", index=index, count=self.count)
        made_up = f"image{index}.jpg"
        if isinstance(picture, np.ndarray):
            return Sample(image=from_array(picture), path=made_up, origin=origin)
        if isinstance(picture, str | Path):
            path = picture if isinstance(picture, Path) else download_media(picture, self._download_dir)
            return Sample(image=read_image(path), path=str(path), origin=origin)
        return Sample(image=from_pil(picture), path=str(getattr(picture, "filename", "") or made_up), origin=origin)


class TensorSource(Source):
    """One batch of ready network inputs; see `from_tensor`."""

    def __init__(self, tensor: "Tensor") -> None:
        self._samples = from_tensor(tensor)
        self.count = len(self._samples)

    def _batches(self) -> Generator[list[Sample], None, None]:
        yield list(self._samples)


def is_tensor(source: object) -> "TypeGuard[Tensor]":
    """Tell a torch tensor without importing torch: whoever has one has imported it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.Tensor)


def is_in_memory(source: object) -> "TypeGuard[InMemory]":
    """Tell an array or a PIL image."""
    pil = sys.modules.get("PIL.Image")
    return isinstance(source, np.ndarray) or (pil is not None and isinstance(source, pil.Image))


def read_rgb(image: Any) -> Picture | Floats:
    """Return a picture as (H, W, 3) BGR: uint8, or float32 in 0 ... 255 where floats were given.

    Args:
        image: a path, URL or PIL image, as `MemorySource` takes them; an array or a tensor, as `from_rgb` takes them.

    Raises:
        SourceTypeError: another kind of object.
    """
    if is_tensor(image) or isinstance(image, np.ndarray):
        return from_rgb(image)
    if isinstance(image, str) and not is_url(image):
        image = Path(image)
    if isinstance(image, str | Path) or is_in_memory(image):
        [[sample]] = MemorySource([image], download_dir=data_folder() / "downloads")
        return sample.image
    accepted = "a path or URL, a PIL image, an RGB array (H, W, 3) of uint8 or of floats in [0, 1], or an RGB tensor"
    raise SourceTypeError(f"{type(image).__name__} is no picture: pass {accepted} (3, H, W)")
