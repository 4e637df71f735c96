"""Pictures in memory as a source: PIL images, arrays, tensors, and lists that mix them with files."""

import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, Union

import numpy as np
from numpy.typing import NDArray

from posekit.io.base import Source
from posekit.io.convert import from_array, from_pil, from_tensor
from posekit.io.decode import read_image
from posekit.io.skipping import nothing_read, skip_unreadable
from posekit.io.urls import download
from posekit.sample import Origin, Sample

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

InMemory: TypeAlias = Union["Image", NDArray[Any]]


class MemorySource(Source):
    """One batch of PIL images and arrays, and of picture files (paths, URLs) given along with them.

    Of several pictures one that cannot be decoded is skipped with one warning.

    Raises (when iterated):
        SourceTypeError, SourceValueError: an array is no picture.
        UnreadableImageError: no picture can be decoded.
    """

    def __init__(self, pictures: Sequence[InMemory | Path | str], *, download_dir: Path) -> None:
        self.count: int = len(pictures)
        self._pictures = pictures
        self._download_dir = download_dir

    def _batches(self) -> Generator[list[Sample], None, None]:
        batch = []
        for index, picture in enumerate(self._pictures):
            with skip_unreadable(self.count):
                batch.append(self._read(picture, index))
        if not batch:
            raise nothing_read(self.count)
        yield batch

    def _read(self, picture: InMemory | Path | str, index: int) -> Sample:
        origin = Origin(kind="array", index=index, count=self.count)
        made_up = f"image{index}.jpg"
        if isinstance(picture, np.ndarray):
            return Sample(image=from_array(picture), path=made_up, origin=origin)
        if isinstance(picture, str | Path):
            path = picture if isinstance(picture, Path) else download(picture, self._download_dir)
            return Sample(image=read_image(path), path=str(path), origin=origin)
        return Sample(image=from_pil(picture), path=str(getattr(picture, "filename", "") or made_up), origin=origin)


class TensorSource(Source):
    """One batch of ready network inputs; see `from_tensor`.

    Raises:
        SourceValueError: another shape or size.
    """

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
