"""The published weights that posekit can fetch by name: source, licence and checksum of each."""

import difflib
from dataclasses import dataclass

_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
_FAMILIES = ("yolov8", "yolo11", "yolo26")
_SCALES = ("n", "s", "m", "l", "x")
_TASKS = ("", "-seg", "-pose")

# Only sums that were computed from the published file; the others are recorded at the first download.
_SHA256 = {"yolo11n-pose": "869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0"}


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """One published weight file.

    Attributes:
        name: file name without suffix, "yolo11n-pose".
        url: where it can be had.
        license: SPDX identifier of the licence of the weights, which is not that of posekit.
        sha256: checksum of the file in hexadecimal; None when nobody has verified one.
    """

    name: str
    url: str
    license: str
    sha256: str | None

    @property
    def filename(self) -> str:
        """The name that the file has on disk."""
        return f"{self.name}.pt"


def catalogue() -> dict[str, PublishedWeights]:
    """Return all published weights by name."""
    names = [f"{family}{scale}{task}" for family in _FAMILIES for task in _TASKS for scale in _SCALES]
    return {name: _entry(name) for name in [*names, "yolov8x-pose-p6"]}


def published(filename: str) -> PublishedWeights | None:
    """Return the entry for a name with or without ``.pt``; None if it is not in the catalogue."""
    return catalogue().get(filename.removesuffix(".pt"))


def similar_names(filename: str, count: int = 3) -> list[str]:
    """Return up to `count` file names of the catalogue that look like `filename`, best first."""
    stem = filename.removesuffix(".pt").lower()
    return [f"{name}.pt" for name in difflib.get_close_matches(stem, catalogue(), n=count, cutoff=0.7)]


def _entry(name: str) -> PublishedWeights:
    return PublishedWeights(name=name, url=f"{_RELEASE}/{name}.pt", license="AGPL-3.0", sha256=_SHA256.get(name))
