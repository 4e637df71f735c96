"""The pictures of one split, made sure to exist: fetched if need be."""

from pathlib import Path

from posekit.config.user_settings import load_user_settings
from posekit.data.data_paths import exists, in_other_order
from posekit.data.description import DatasetDescription
from posekit.data.fetch import fetch_dataset, is_unfinished
from posekit.errors import DatasetKeyError, DatasetNotFoundError


def require_split(description: DatasetDescription, split: str, *, datasets_dir: Path | None = None) -> tuple[Path, ...]:
    """Return the picture folders, text lists or COCO JSON files of a split; missing ones are fetched first.

    Only this split need exist.

    Args:
        description: of the data set.
        split: "train", "val" or "test".
        datasets_dir: the folder that archives are kept in until they are unpacked; None for the user's own.

    Raises:
        DatasetKeyError: the data set names no such split.
        DatasetNotFoundError: something is missing and cannot be fetched; the text says where it was looked for.
        DatasetError, DownloadError, OutputError: fetching failed; or ``download`` is a script, which is not run.
    """
    if split not in description.splits:
        known = ", ".join(f"`{name}`" for name in description.splits)
        raise DatasetKeyError(f"{description.source} names no pictures for `{split}`; it has {known}")
    paths, missing = _looked_up(description, split)
    if missing and description.downloads:
        fetch_dataset(description, datasets_dir or Path(load_user_settings().datasets_dir))
        paths, missing = _looked_up(description, split)
    if missing:
        listed = " and ".join(str(path) for path in missing)
        verb = "does" if len(missing) == 1 else "do"
        raise DatasetNotFoundError(
            f"{description.source}: for `{split}`, {listed} {verb} not exist. {description.missing}".rstrip()
        )
    return paths


def _looked_up(description: DatasetDescription, split: str) -> tuple[tuple[Path, ...], list[Path]]:
    """Return where the pictures of a split are, and what of it is missing."""
    paths = tuple(in_other_order(path) for path in description.splits[split])
    needed = [*paths, *(path for name, path in description.annotations.items() if name == split)]
    unfinished = is_unfinished(description.root)
    return paths, [path for path in needed if unfinished or not exists(path)]
