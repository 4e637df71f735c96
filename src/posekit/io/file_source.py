"""Picture and video files as a source."""

import itertools
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from posekit.io.base import Source
from posekit.io.decode import read_image
from posekit.io.formats import media_kind
from posekit.io.skipping import nothing_read, skip_unreadable
from posekit.io.urls import download
from posekit.io.video import read_video
from posekit.io.video_check import holds_video
from posekit.sample import Origin, Sample


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
            with skip_unreadable(self.count), closing(self._read(entry, index)) as samples:
                for sample in samples:
                    came += 1
                    yield sample
        if not came:
            raise nothing_read(self.count)

    def _read(self, entry: Path | str, index: int) -> Generator[Sample, None, None]:
        path = entry if isinstance(entry, Path) else download(entry, self._download_dir)
        if holds_video(path):
            yield from read_video(path, index=index, count=self.count, vid_stride=self._vid_stride)
        else:
            origin = Origin(kind="image", index=index, count=self.count)
            yield Sample(image=read_image(path), path=str(path), origin=origin)


def _video_of(sample: Sample) -> int | None:
    """Return the number of the video that a frame belongs to; None for pictures, which may share a batch."""
    return sample.origin.index if sample.origin.kind == "video" else None
