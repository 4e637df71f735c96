"""Finds the weights that a name stands for: on disk, in the package, else in the catalogue."""

from pathlib import Path

from posekit.checkpoint.catalogue import PublishedWeights, published, similar_names
from posekit.checkpoint.checksum import check_record
from posekit.checkpoint.download import download
from posekit.checkpoint.packaged import packaged_weights
from posekit.errors import DownloadError, WeightsNotFoundError
from posekit.log import LOGGER

LICENSE = "Apache-2.0"  # posekit's own


def locate_weights(name: str | Path, *, weights_dir: Path) -> Path:
    """Return the file that `name` means, downloading published weights if they are on no disk.

    A name without folder is looked for in the current folder, then in `weights_dir`, then in the
    package, then in the catalogue. A path with a folder is taken as it is and never downloaded.

    Args:
        name: a path, a file name, or the bare name of published weights ("yolo11n-pose").
        weights_dir: the folder of downloaded weights.

    Returns:
        The path of an existing file.

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
