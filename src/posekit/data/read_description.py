"""`read_description`: what a user names as ``data`` becomes a checked description of the data set."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.config.user_settings import load_user_settings
from posekit.data import data_keys
from posekit.data.coco.categories import read_categories
from posekit.data.data_paths import RootSearch, exists, find_root, split_path
from posekit.data.description import DatasetDescription
from posekit.data.drawn_figures import drawn_keys
from posekit.data.find_keys import FoundKeys, find_keys
from posekit.data.require_split import require_split
from posekit.errors import DatasetKeyError
from posekit.log import LOGGER
from posekit.schema import KeypointSchema
from posekit.schema.from_yaml import schema_from_yaml


def read_description(data: str | Path, *, task: str, datasets_dir: Path | None = None) -> DatasetDescription:
    """Read and check what a data set says of itself; its pictures need not exist yet (see `require_split`).

    Args:
        data: a dataset YAML; the bare name of one in the working directory, or of a built-in one; a folder with a
            YAML or with COCO JSON files; a .zip or .tar archive of such a folder, unpacked into the folder of data
            sets; or a COCO JSON file, which then serves as train and val.
        task: "detect", "segment", "pose" or "multitask"; the last two need keypoints.
        datasets_dir: the folder of data sets; None for the one of the user's settings.

    Raises:
        DatasetNotFoundError: there is no such data set, or a COCO JSON file that must be read is missing.
        DatasetTypeError: a key has a value of the wrong type.
        DatasetKeyError: a key that is needed is missing, such as ``kpt_shape``.
        DatasetError, SchemaError: a file is damaged or contradicts itself.
        DownloadError, OutputError: a file that must be read was not fetched or written.
    """
    datasets_dir = datasets_dir or Path(load_user_settings().datasets_dir)
    found = find_keys(data, task=task, datasets_dir=datasets_dir)
    if found.keys.get("figures") is not None:
        found = drawn_keys(found, task=task, datasets_dir=datasets_dir)
    data_keys.warn_of_typos(found.keys, found.source)
    description = _describe(found, task, datasets_dir)
    if _needs_categories(description, task):
        description = _with_categories(description, datasets_dir)
    _check_complete(description, task)
    return description


def _describe(found: FoundKeys, task: str, datasets_dir: Path) -> DatasetDescription:
    """Return what the keys alone say."""
    keys, where = found.keys, found.source
    entries = data_keys.read_splits(keys, where)
    if not entries:
        raise DatasetKeyError(f"{where} names no pictures: it needs `train` and `val`")
    search = find_root(
        data_keys.read_text(keys, "path", where),
        (entry for texts in entries.values() for entry in texts),
        beside=found.folder,
        datasets_dir=datasets_dir,
    )
    downloads = data_keys.read_downloads(keys, where)
    return DatasetDescription(
        source=where,
        root=search.root,
        splits={split: _paths(search.root, texts) for split, texts in entries.items()},
        names=data_keys.read_names(keys, where) or {},
        schema=_schema(found, task),
        channels=data_keys.read_channels(keys, where),
        annotations={
            split: split_path(search.root, text) for split, text in data_keys.read_annotations(keys, where).items()
        },
        images={
            split: _paths(search.root, texts) for split, texts in data_keys.read_picture_folders(keys, where).items()
        },
        layout=data_keys.read_layout(keys, where),
        downloads=tuple(downloads),
        download_folders={entry: folder for entry, folder in downloads.items() if folder},
        missing=_missing(search, data_keys.read_text(keys, "missing", where)),
    )


def _paths(root: Path, entries: Iterable[str]) -> tuple[Path, ...]:
    return tuple(split_path(root, entry) for entry in entries)


def _schema(found: FoundKeys, task: str) -> KeypointSchema | None:
    def warn(text: str) -> None:
        if task in TASKS_WITH_KEYPOINTS:
            LOGGER.warning("%s: %s", found.source, text)

    return schema_from_yaml(found.keys, found.source, warn)


def _missing(search: RootSearch, advice: str | None) -> str:
    places = ", ".join(str(place) for place in search.looked)
    looked = f"The root of the data set was looked for as {places}." if len(search.looked) > 1 else ""
    return f"{looked} {advice or ''}".strip()


def _json_files(description: DatasetDescription) -> dict[Path, str]:
    """Return the COCO JSON files of all splits, each with its split."""
    return {
        path: split for split, paths in description.splits.items() for path in paths if path.suffix.lower() == ".json"
    }


def _needs_categories(description: DatasetDescription, task: str) -> bool:
    complete = description.names and (description.schema or task not in TASKS_WITH_KEYPOINTS)
    return not complete and bool(_json_files(description))


def _with_categories(description: DatasetDescription, datasets_dir: Path) -> DatasetDescription:
    """Return a description with names and keypoints from the smallest COCO JSON file.

    All files of a data set have the same categories, and those of large sets take seconds to read.
    """
    files = _json_files(description)
    present = [path for path in files if exists(path)]
    if not present:
        path, split = next(iter(files.items()))
        require_split(description, split, datasets_dir=datasets_dir)
        present = [path]
    names, schema, _ = read_categories(min(present, key=lambda path: path.stat().st_size))
    return replace(description, names=description.names or names, schema=description.schema or schema)


def _check_complete(description: DatasetDescription, task: str) -> None:
    where = description.source
    if not description.names:
        raise DatasetKeyError(f"No `names` in the {where}: a data set needs its class names, or `nc`, their number")
    if task in TASKS_WITH_KEYPOINTS and description.schema is None:
        categories = ", and the categories of its COCO JSON files name no keypoints" if _json_files(description) else ""
        raise DatasetKeyError(
            f"No `kpt_shape` in the {where}{categories}: the task {task} needs the number of keypoints and of values "
            "per keypoint, such as kpt_shape: [17, 3]"
        )
