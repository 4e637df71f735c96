"""`Written`: what a converter wrote, and what it left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posekit.data.problem import Problem
from posekit.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class Written:
    """The outcome of a conversion.

    Attributes:
        path: the file to name in ``data=``: a dataset YAML, or a COCO JSON file.
        pictures: how many pictures were written or listed.
        objects: how many objects were written.
        problems: everything that was left out or changed on the way, reading included.
    """

    path: Path
    pictures: int
    objects: int
    problems: tuple[Problem, ...] = ()

    @property
    def left_out(self) -> int:
        """How many objects were left out."""
        return sum(problem.objects for problem in self.problems)


def require_pictures(count: int, problems: Sequence[Problem]) -> None:
    """Refuse a data set without pictures.

    Args:
        count: how many were written.
        problems: what was left out.

    Raises:
        DatasetError: there is none; the message says why the first was left out.
    """
    if count:
        return
    reason = next((f", the first because: {problem}" for problem in problems if problem.picture), "")
    raise DatasetError(f"no picture can be written{reason}")
