"""`Split`: one part of a data set, its labels read and checked."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from posekit.data.labels import PictureLabels
from posekit.data.problem import Problem
from posekit.schema import KeypointSchema


@dataclass(frozen=True, kw_only=True)
class ScanReport:
    """What reading the labels of a split came to, in pictures unless said otherwise.

    Attributes:
        found: with a label file, or an entry of the JSON.
        missing: without one, taken as background.
        empty: with a label file that has no rows, or an entry without objects.
        corrupt: left out, because the picture or a label cannot be used.
        objects: objects read.
        dropped: objects left out, those of corrupt pictures included.
        problems: one entry for each thing that was left out or mended.
    """

    found: int = 0
    missing: int = 0
    empty: int = 0
    corrupt: int = 0
    objects: int = 0
    dropped: int = 0
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """One part of a data set.

    Attributes:
        name: "train", "val" or "test".
        pictures: in path order (label files), or in the order of the JSON.
        names: class names by number.
        schema: its keypoints; None without.
        report: counts and problems.
        truth: a COCO JSON file with the truth of these pictures; None when there is none.
        source: the folder, list or JSON file that was read; of several the first.
    """

    name: str
    pictures: tuple[PictureLabels, ...]
    names: dict[int, str]
    schema: KeypointSchema | None
    report: ScanReport = field(default_factory=ScanReport)
    truth: Path | None = None
    source: str = ""

    @property
    def summary(self) -> str:
        """One line of what was found."""
        counts = [len(labels) for labels in self.pictures if len(labels)]
        line = (
            f"{self.name}: {len(counts)} pictures with {sum(counts)} objects, "
            f"{len(self.pictures) - len(counts)} backgrounds, {self.report.corrupt} corrupt"
        )
        return line if self.truth is None else f"{line}; COCO truth in {self.truth}"

    @property
    def folder(self) -> Path:
        """The deepest folder that holds all pictures."""
        parents = [str(Path(picture.path).parent) for picture in self.pictures]
        return Path(os.path.commonpath(parents)) if parents else Path()
