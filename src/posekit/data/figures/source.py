"""The packaged synthetic figures as a source, for trying out a model without any file."""

import itertools
from collections.abc import Generator

from posekit.data.figures.scene import scenes
from posekit.errors import SourceValueError
from posekit.io.base import Source
from posekit.sample import Origin, Sample

_WORD = "figures"
_DEFAULT_COUNT = 8


class FigureSource(Source):
    """Made pictures of figures, without their labels; the same ones for the same seed.

    Args:
        count: how many pictures.
        seed: of the first picture.
        batch: pictures per batch.
    """

    def __init__(self, count: int = _DEFAULT_COUNT, seed: int = 0, *, batch: int = 1) -> None:
        self.count: int = count
        self._seed = seed
        self._batch = batch

    def _batches(self) -> Generator[list[Sample], None, None]:
        scene = enumerate(scenes(self.count, self._seed), start=1)
        while drawn := list(itertools.islice(scene, self._batch)):
            yield [
                Sample(image=made.image, path=made.path, origin=Origin(kind="image", index=index, count=self.count))
                for index, made in drawn
            ]


def is_figures(text: str) -> bool:
    """Tell the word ``figures``, with or without count and seed."""
    return text == _WORD or text.startswith(f"{_WORD}:")


def parse_figures(text: str, batch: int = 1) -> FigureSource:
    """Read ``figures``, ``figures:COUNT`` or ``figures:COUNT:SEED``.

    Raises:
        SourceValueError: count or seed is no number, or the count is 0.
    """
    numbers = text.split(":")[1:]
    if len(numbers) > 2 or not all(number.isdecimal() for number in numbers) or (numbers and int(numbers[0]) == 0):
        raise SourceValueError(
            f"source {text!r}: write figures, figures:COUNT or figures:COUNT:SEED, such as figures:12:3"
        )
    return FigureSource(*(int(number) for number in numbers), batch=batch)
