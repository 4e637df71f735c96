"""Reads the pictures of a data set at the size that a network wants, with their labels."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from posekit.data.labels import PictureLabels
from posekit.data.picture_store import PictureStore
from posekit.errors import UnreadableImageError
from posekit.io.decode import read_image
from posekit.ops.polygon_masks import resample_polygon
from posekit.sample import Floats, Picture, Sample

Size = tuple[int, int]


class PictureLoader:
    """Reads pictures, several at a time: decoding and resizing run outside Python's lock.

    Args:
        pictures: the data set.
        sizes: (h, w) that each picture is resized to.
        store: where decoded pictures are kept.
        workers: threads; more than there are processors are of no use.
    """

    def __init__(
        self, pictures: Sequence[PictureLabels], sizes: Sequence[Size], store: PictureStore, *, workers: int
    ) -> None:
        self._pictures = pictures
        self._sizes = sizes
        self._store = store
        threads = min(workers, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(threads, "posekit loader") if threads > 1 else None

    def load(self, indices: Sequence[int]) -> list[Sample]:
        """Return the pictures of the given numbers with their boxes, classes and keypoints.

        Raises:
            UnreadableImageError: a picture cannot be decoded, or is not of the size that its header said.
        """
        if self._pool is None:
            return [self.sample(index) for index in indices]
        return list(self._pool.map(self.sample, indices))

    def close(self) -> None:
        """End the threads; harmless when repeated."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def sample(self, index: int) -> Sample:
        """Return one picture; see `load`."""
        labels, size = self._pictures[index], self._sizes[index]
        image = self._store.get(labels.path, size, lambda: _read(labels, size))
        return labelled_sample(image, labels)


def labelled_sample(image: Picture, labels: PictureLabels) -> Sample:
    """Return a resized picture (h, w, 3) with the labels of its file, in pixels of `image`."""
    height, width = image.shape[:2]
    scale: Floats = np.array((width, height, width, height), np.float32)
    centre, half = labels.boxes[:, :2], labels.boxes[:, 2:] / 2
    keypoints = None
    if labels.keypoints is not None:
        keypoints = labels.keypoints * np.array((width, height, 1), np.float32)
    return Sample(
        image=image,
        path=labels.path,
        original_size=labels.size,
        boxes=np.concatenate((centre - half, centre + half), 1, dtype=np.float32) * scale,
        classes=labels.classes,
        keypoints=keypoints,
        polygons=None if labels.polygons is None else tuple(_outline(part, scale[:2]) for part in labels.polygons),
    )


def _outline(polygon: Floats, scale: Floats) -> Floats:
    return resample_polygon(polygon * scale) if len(polygon) else polygon


def _read(labels: PictureLabels, size: Size) -> Picture:
    picture = read_image(Path(labels.path))
    if picture.shape[:2] != labels.size:
        height, width = picture.shape[:2]
        raise UnreadableImageError(
            f"{labels.path}: has {height}x{width} pixels, but {labels.size[0]}x{labels.size[1]} when its labels were "
            "read: it has changed meanwhile; start again"
        )
    if picture.shape[:2] == size:
        return picture
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
