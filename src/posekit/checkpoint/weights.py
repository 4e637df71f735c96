"""Weights by name: the published ones with source, licence and checksum, and where a name is looked for."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from posekit.errors import DownloadError, WeightsNotFoundError
from posekit.files.download import check_record, download
from posekit.log import LOGGER

_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
_FAMILIES = ("yolov8", "yolo11", "yolo26")
_SCALES = ("n", "s", "m", "l", "x")
_TASKS = ("", "-seg", "-pose")
_RFDETR = "https://storage.googleapis.com/rfdetr"

# Path below that address, and the MD5 that its publisher states.
_RFDETR_FILES = {
    "rf-detr-nano": ("nano_coco/checkpoint_best_regular.pth", "fb6504cce7fbdc783f7a46991f07639f"),
    "rf-detr-small": ("small_coco/checkpoint_best_regular.pth", "fb37061c1af7bace359c91b723a8d5c1"),
    "rf-detr-medium": ("medium_coco/checkpoint_best_regular.pth", "7223f764a87b863f02eb8d52bf0ce2ee"),
    "rf-detr-large-2026": ("rf-detr-large-2026.pth", "5cb72153541cbcb9aa6efa26222acc75"),
    "rf-detr-base": ("rf-detr-base-coco.pth", "b4d3ce46099eaed50626ede388caf979"),
    "rf-detr-keypoint-preview-xlarge": (
        "rf-detr-keypoint-preview-xlarge.pth",
        "6de511943ee85a547d4c5cb527daf0eb",
    ),
}

# Only sums that were computed from the published file; the others are recorded at the first download.
_SHA256 = {"yolo11n-pose": "869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0"}

FIGURES_POSE: Final = "figures-pose.pt"
_FOLDER = Path(__file__).parent.parent / "weights"

LICENSE = "Apache-2.0"  # posekit's own


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """One published weight file.

    Attributes:
        name: file name without suffix, "yolo11n-pose".
        license: SPDX identifier of the licence of the weights, which need not be that of posekit.
        sha256: checksum of the file in hexadecimal; None when nobody has verified one.
        md5: checksum that its publisher states; None without.
    """

    name: str
    url: str
    license: str
    sha256: str | None = None
    md5: str | None = None
    suffix: str = ".pt"

    @property
    def filename(self) -> str:
        """The name that the file has on disk."""
        return f"{self.name}{self.suffix}"


def catalogue() -> dict[str, PublishedWeights]:
    """Return all published weights by name."""
    names = [f"{family}{scale}{task}" for family in _FAMILIES for task in _TASKS for scale in _SCALES]
    yolo = {name: _entry(name) for name in [*names, "yolov8x-pose-p6"]}
    return yolo | {name: _rfdetr_entry(name) for name in _RFDETR_FILES}


def published(filename: str) -> PublishedWeights | None:
    """Return the entry for a name with or without its suffix; None if it is not in the catalogue."""
    entries = catalogue().values()
    return next((entry for entry in entries if filename in (entry.name, entry.filename)), None)


def similar_names(filename: str, count: int = 3) -> list[str]:
    """Return up to `count` file names of the catalogue that look like `filename`, best first."""
    entries = catalogue()
    stem = filename.removesuffix(".pt").removesuffix(".pth").lower()
    return [entries[name].filename for name in difflib.get_close_matches(stem, entries, n=count, cutoff=0.7)]


def _entry(name: str) -> PublishedWeights:
    return PublishedWeights(name=name, url=f"{_RELEASE}/{name}.pt", license="AGPL-3.0", sha256=_SHA256.get(name))


def _rfdetr_entry(name: str) -> PublishedWeights:
    path, md5 = _RFDETR_FILES[name]
    return PublishedWeights(name=name, url=f"{_RFDETR}/{path}", license="Apache-2.0", md5=md5, suffix=".pth")


def packaged_weights(filename: str) -> Path | None:
    """Return the file of the package for a name with or without ``.pt``; None if there is none of that name."""
    path = _FOLDER / FIGURES_POSE
    return path if filename in (path.name, path.stem) else None


def locate_weights(name: str | Path, *, weights_dir: Path) -> Path:
    """Return the file that `name` means, downloading published weights if they are on no disk.

    A name without folder is looked for in the current folder, then in `weights_dir`, then in the
    package, then in the catalogue. A path with a folder is taken as it is and never downloaded.

    Raises:
        WeightsNotFoundError: if there is no such file and it cannot be had; says what to do.
        DownloadError: if a file in `weights_dir` is not the one that was downloaded.
    """
    entry = published(str(name))
    path = Path(name) if entry is None else Path(entry.filename)
    if _is_file(path):
        return path
    if path.name != str(path) or path.is_dir():
        problem = "is not a file" if path.exists() else "does not exist"
        raise WeightsNotFoundError(f"{path} {problem}: check the spelling and the folder")
    stored = weights_dir / path
    if _is_file(stored):
        check_record(stored)
        return stored
    if packaged := packaged_weights(str(name)):
        return packaged
    if entry is None:
        raise WeightsNotFoundError(_unknown(path, weights_dir))
    return _fetched(entry, stored)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise WeightsNotFoundError(f"{path} cannot be looked up ({error.strerror}): check its folder") from error


def _fetched(entry: PublishedWeights, target: Path) -> Path:
    LOGGER.warning(
        "downloading %s from %s; these weights are under %s%s",
        entry.filename,
        entry.url,
        entry.license,
        "" if entry.license == LICENSE else ", not under posekit's licence",
    )
    try:
        path = download(entry.url, target, sha256=entry.sha256, md5=entry.md5)
    except DownloadError as error:
        raise WeightsNotFoundError(
            f"{entry.filename} is neither in the current folder nor in {target.parent}, and could not be downloaded: "
            f"{error}. Put the file from {entry.url} into either folder"
        ) from error
    if entry.sha256 is None and entry.md5 is None:
        LOGGER.warning("%s: no published checksum is known; the sum was recorded, unverified", entry.filename)
    else:
        LOGGER.info("%s: checksum verified", entry.filename)
    return path


def _unknown(path: Path, weights_dir: Path) -> str:
    searched = f"{path} is neither in the current folder ({Path.cwd()}) nor in {weights_dir}"
    if path.stem.endswith("-multitask"):
        return (
            f"{searched}, and nobody publishes weights for multitask: train model={path.stem}.yaml, "
            "or begin with posekit merge_weights"
        )
    detector = published(path.stem.replace("rfdetr-pose-", "rf-detr-"))
    if path.stem.startswith("rfdetr-pose-") and detector is not None:
        return (
            f"{searched}, and nobody publishes weights for RF-DETR Pose: train model={path.stem}.yaml "
            f"with the weights of its detector, pretrained={detector.filename}"
        )
    similar = similar_names(path.name)
    hint = f"Did you mean {', '.join(similar)}?" if similar else "It is not the name of published weights either."
    return f"{searched}. {hint} Else put the file there"
