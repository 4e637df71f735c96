"""The key ``figures`` of a dataset YAML: a data set of synthetic scenes, drawn on first use."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from posekit.config.suggest import question
from posekit.config.task_parts import TASKS_WITH_OUTLINES
from posekit.data.coco.values import quote
from posekit.data.coco_layouts import coco_folder_keys
from posekit.data.data_keys import SPLITS
from posekit.data.figures import SceneSettings, write_coco_dataset, write_yolo_dataset
from posekit.data.find_keys import FoundKeys
from posekit.data.yaml_file import read_yaml
from posekit.errors import DatasetError, DatasetTypeError, OutputError
from posekit.log import LOGGER

_RANGES = {"train": (1, 100_000), "val": (1, 100_000), "imgsz": (64, 4096), "seed": (0, 1_000_000_000)}
_EXCLUDED = (*SPLITS, "path", "names", "nc", "download", "annotations", "images")


class Writer(Protocol):
    """Writes scenes as a data set."""

    def __call__(self, folder: Path, *, train: int, val: int, seed: int, settings: SceneSettings) -> Path:
        """Write them; the folder appears complete or not at all."""
        ...


@dataclass(frozen=True, kw_only=True)
class FigureSet:
    """A data set of scenes; two of the same values are the same.

    Attributes:
        train, val: how many scenes of each.
        imgsz: width and height of the pictures in pixels.
        seed: of the first scene.
    """

    train: int = 512
    val: int = 64
    imgsz: int = 320
    seed: int = 0

    @property
    def folder_name(self) -> str:
        """A name that no other set has."""
        return f"figures-train{self.train}-val{self.val}-imgsz{self.imgsz}-seed{self.seed}"


def drawn_keys(found: FoundKeys, *, task: str, datasets_dir: Path) -> FoundKeys:
    """Draw the scenes that a YAML with the key ``figures`` asks for, unless they are there, and return their keys.

    Args:
        found: keys with ``figures``.
        task: "segment" and "multitask" get COCO JSON, which has outlines; other tasks get YOLO label files.
        datasets_dir: the user's folder of data sets, which the scenes go into.

    Raises:
        DatasetTypeError: ``figures`` is no mapping of whole numbers.
        DatasetError: it holds an unknown name, a value out of range, or stands beside keys of another data set.
        OutputError: the scenes cannot be written.
    """
    wanted = _wanted(found)
    if task in TASKS_WITH_OUTLINES:
        folder = datasets_dir.absolute() / f"{wanted.folder_name}-coco"
        _draw(wanted, folder, write_coco_dataset)
        return FoundKeys(source=found.source, keys=coco_folder_keys(folder, task) or {}, folder=folder)
    folder = datasets_dir.absolute() / wanted.folder_name
    _draw(wanted, folder, write_yolo_dataset)
    return FoundKeys(source=found.source, keys=read_yaml(folder / "data.yaml"), folder=folder)


def _wanted(found: FoundKeys) -> FigureSet:
    value, where = found.keys["figures"], found.source
    for key in _EXCLUDED:
        if found.keys.get(key) is not None:
            raise DatasetError(f"{where}: `{key}` and `figures` exclude each other: figures are drawn, with names")
    if not isinstance(value, Mapping):
        expected = "numbers such as {train: 512, val: 64, imgsz: 320, seed: 0}"
        raise DatasetTypeError(f"{where}: `figures` is {quote(value)}, expected {expected}")
    for name, number in value.items():
        _check(name, number, where)
    return FigureSet(**value)


def _check(name: Any, number: Any, where: str) -> None:
    if name not in _RANGES:
        hint = question(str(name), _RANGES) or f", expected {', '.join(_RANGES)}"
        raise DatasetError(f"{where}: `figures` has no {quote(name)}{hint}")
    if type(number) is not int:
        raise DatasetTypeError(f"{where}: `figures.{name}` is {quote(number)}, expected a whole number")
    low, high = _RANGES[name]
    if not low <= number <= high:
        raise DatasetError(f"{where}: `figures.{name}` is {quote(number)}, expected {low} to {high}")


def _draw(wanted: FigureSet, folder: Path, write: Writer) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        return  # it appears complete or not at all
    LOGGER.info("drawing %d scenes into %s", wanted.train + wanted.val, folder)
    settings = SceneSettings(size=(wanted.imgsz, wanted.imgsz))
    try:
        write(folder, train=wanted.train, val=wanted.val, seed=wanted.seed, settings=settings)
    except OutputError:
        if not (folder.is_dir() and any(folder.iterdir())):  # another process may have drawn it meanwhile
            raise
