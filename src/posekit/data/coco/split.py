"""COCO JSON files as splits of a data set: which split a file is, its labels, and the truth of label files."""

import json
import mmap
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from posekit.config.commands import TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.data.annotation import AnnotationSet
from posekit.data.coco.categories import ClassNumbers
from posekit.data.coco.read import read_coco
from posekit.data.find_pictures import PictureSearch
from posekit.data.labels import Labels, PictureLabels, ScanReport, Split
from posekit.data.to_labels import to_labels
from posekit.errors import DatasetError, DatasetNotFoundError
from posekit.files.problems import Problem, ProblemList
from posekit.log import LOGGER

# Words in names of files and folders -> the split that they tell.
_SPLITS = {"train": "train", "valid": "val", "val": "val", "validation": "val", "minival": "val", "test": "test"}
_FILE_IN_SPLIT = "_annotations.coco.json"

# What tools put before the name of the split.
_PREFIXES = ("person_keypoints_", "instances_")

_KINDS = ("keypoints", "instances", "annotations")
_FILE_NAME = re.compile(rb'"file_name"\s*:\s*("(?:[^"\\]|\\.)*")')

# Files that lie beside the object annotations of COCO, and say nothing of single objects.
_OTHER_ANNOTATIONS = ("captions", "image_info", "panoptic", "stuff")


def read_coco_split(
    paths: Sequence[Path],
    *,
    image_dirs: Sequence[Path] = (),
    task: str = "pose",
    split_name: str = "val",
) -> Split:
    """Read one or more COCO JSON files as the labels of a split; no label files are written.

    The labels are those that a conversion to label files would write, without the rounding.

    Args:
        paths: at least one file; all with the same classes and keypoints.
        image_dirs: folders to look for pictures in first.
        task: "detect", "segment", "pose" or "multitask".
        split_name: "train", "val" or "test".

    Returns:
        Pictures in the order of the files; `truth` is the file when there is only one.

    Raises:
        DatasetNotFoundError: a file does not exist, or none of its pictures was found.
        DatasetError: a file is no COCO ground truth, the files contradict each other, or the task needs keypoints
            and there are none.
    """
    if not paths:
        raise DatasetError(f"the split {split_name} names no COCO JSON file")
    sets = [read_coco(path, image_dirs=image_dirs, task=task) for path in paths]
    pictures: list[PictureLabels] = []
    problems: list[Problem] = []
    for path, annotations in zip(paths, sets, strict=True):
        _check_same(paths[0], sets[0], path, annotations)
        _check_found(path, annotations, image_dirs)
        found = ProblemList(str(path))
        pictures += to_labels(annotations, task=task, problems=found)
        problems += (*annotations.problems, *found.all())
    schema = sets[0].schema
    points = schema.count if schema and task in TASKS_WITH_KEYPOINTS else None
    labels = Labels.join(pictures, keypoints=points, polygons=task in TASKS_WITH_OUTLINES)
    return Split(
        name=split_name,
        pictures=labels,
        names=sets[0].names,
        schema=schema,
        report=_report(sets, labels, problems),
        truth=paths[0] if len(paths) == 1 else None,
    )


def _check_same(first_path: Path, first: AnnotationSet, path: Path, annotations: AnnotationSet) -> None:
    difference = first.difference(annotations)
    if difference:
        raise DatasetError(f"{path}: has other {difference} than {first_path}; the files of one split must agree")


def _check_found(path: Path, annotations: AnnotationSet, image_dirs: Sequence[Path]) -> None:
    """Refuse a file of which no picture exists: then the folder is wrong, not the pictures."""
    if not annotations.pictures or any(picture.path for picture in annotations.pictures):
        return
    places = ", ".join(str(place) for place in PictureSearch(path, image_dirs).places)
    raise DatasetNotFoundError(
        f"{path}: none of its {len(annotations.pictures)} pictures was found, such as "
        f"{annotations.pictures[0].file_name}. Looked in {places}, and in images there; name the picture folder"
    )


def _report(sets: Sequence[AnnotationSet], labels: Labels, problems: Sequence[Problem]) -> ScanReport:
    corrupt = sum(problem.picture for problem in problems)
    empty = sum(not picture.objects for annotations in sets for picture in annotations.pictures)
    return ScanReport(
        found=sum(len(annotations.pictures) for annotations in sets),
        empty=empty,
        corrupt=corrupt,
        objects=len(labels.classes),
        dropped=sum(problem.objects for problem in problems),
        problems=tuple(problems),
    )


def _splits_in(name: str) -> list[str]:
    """Return the splits ("train", "val", "test") that the words of a name tell, in their order."""
    return [_SPLITS[word] for word in re.findall("[a-z]+", name.lower()) if word in _SPLITS]


def split_of(path: Path) -> str:
    """Return the split that a COCO file is: "train", "val", "test", or its name without the usual prefix.

    Its name tells, that of its folder for ``valid/_annotations.coco.json``.
    """
    name = path.parent.name if path.name == _FILE_IN_SPLIT else path.stem
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return next(iter(_splits_in(name)), name)


def find_truth(pictures: Sequence[str], *, root: Path, places: Sequence[Path], split: str, task: str) -> Path | None:
    """Return the COCO JSON file that lists all pictures of a split, by their base names; None when there is none.

    Looked at are the files with ``keypoints``, ``instances`` or ``annotations`` in their name, and without the name
    of another split, in the root and the folders around the pictures, and in ``annotations`` within these. Likely
    ones come first: named like a folder, like the split, of the kind that fits the task, small.

    Args:
        pictures: names of the picture files.
        root: folder of the data set.
        places: the folders or lists that the split consists of.
        split: "train", "val" or "test".
        task: for "pose" and "multitask" the file must hold keypoints.
    """
    wanted = {Path(name).name for name in pictures}
    keypoints = task in TASKS_WITH_KEYPOINTS
    kinds = _KINDS if keypoints else ("instances", "annotations", "keypoints")
    folders = [place if place.is_dir() else place.parent for place in places]
    around = {root, *folders, *(folder.parent for folder in folders)}
    around |= {parent for folder in folders for parent in folder.parents if parent.is_relative_to(root)}

    def rank(path: Path) -> tuple[bool, bool, int, int, str]:
        stem = path.stem.lower()
        like_folder = any(folder.name.lower() in stem for folder in folders)
        kind = min(place for place, word in enumerate(kinds) if word in stem)
        return not like_folder, split not in _splits_in(stem), kind, path.stat().st_size, str(path)

    candidates = {
        path
        for place in around
        for path in (*place.glob("*.json"), *place.glob("annotations/*.json"))
        if any(kind in path.stem.lower() for kind in _KINDS) and {*_splits_in(path.stem)} <= {split} and path.is_file()
    }
    return next((path for path in sorted(candidates, key=rank) if _covers(path, wanted, keypoints=keypoints)), None)


def _covers(path: Path, wanted: Collection[str], *, keypoints: bool) -> bool:
    """Tell whether a file names all these pictures, without the time and memory that parsing the whole would take."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b'"annotations"') < 0 or (keypoints and content.find(b'"keypoints"') < 0):
                return False
            missing = set(wanted)
            for match in _FILE_NAME.finditer(content):
                missing.discard(str(json.loads(match[1])).rpartition("/")[2])
                if not missing:
                    return True
    except (OSError, ValueError) as error:
        LOGGER.debug("%s: not looked at as COCO truth (%s)", path, error)
    return False


def coco_file_keys(path: Path) -> dict[str, Any]:
    """Return the keys for one COCO JSON file: it serves as train and as val split."""
    return {"path": str(path.parent), "train": path.name, "val": path.name}


def coco_folder_keys(folder: Path, task: str) -> dict[str, Any] | None:
    """Return the keys for a folder of COCO JSON files; None when it is none.

    Known are ``train/``, ``valid/`` and ``test/`` with a ``_annotations.coco.json`` each, and JSON files in
    ``annotations/`` or in the folder itself, whose names tell the split (``person_keypoints_val2017.json``). Of
    several files for a split, ``*keypoints*`` is for "pose" and "multitask", ``*instances*`` for others.

    Raises:
        DatasetError: several files could be the same split.
    """
    splits: dict[str, Path] = {}
    for name, split in _SPLITS.items():
        file = folder / name / _FILE_IN_SPLIT
        if split not in splits and file.is_file():
            splits[split] = file
    splits = splits or _files_by_name(folder, task)
    if not splits:
        return None
    return {"path": str(folder)} | {split: str(file.relative_to(folder)) for split, file in splits.items()}


def _files_by_name(folder: Path, task: str) -> dict[str, Path]:
    files = sorted((folder / "annotations").glob("*.json")) or sorted(folder.glob("*.json"))
    files = [file for file in files if not file.name.startswith((*_OTHER_ANNOTATIONS, "."))]
    groups: dict[str, list[Path]] = {}
    for file in files:
        for split in _splits_in(file.stem)[:1]:
            groups.setdefault(split, []).append(file)
    if groups:
        return {split: _one_of(group, f"the split {split}", task) for split, group in groups.items()}
    return dict.fromkeys(("train", "val"), _one_of(files, "all splits", task)) if files else {}


def _one_of(files: Sequence[Path], use: str, task: str) -> Path:
    kind = "keypoints" if task in TASKS_WITH_KEYPOINTS else "instances"
    fitting = [file for file in files if kind in file.stem] if len(files) > 1 else files
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(file.name for file in (fitting or files)[:10])
    raise DatasetError(
        f"{files[0].parent}: several COCO JSON files could be {use} ({listed}): name one of them as data=FILE, "
        "or write a YAML with a file per split"
    )


def read_coco_splits(
    source: Path, *, task: str, image_dirs: Sequence[Path], find_pictures: bool, class_numbers: ClassNumbers
) -> dict[str, AnnotationSet]:
    """Return the annotations of a file or folder of COCO JSON by split; the other arguments are those of `read_coco`.

    Of a folder that are all ``*.json``, else those in ``annotations/``, else those in the folders of splits.

    Raises:
        DatasetNotFoundError: there is no such file, or no JSON in the folder.
        DatasetError: two files are the same split.
    """
    splits: dict[str, AnnotationSet] = {}
    for path in _files_of(source):
        name = split_of(path)
        if name in splits:
            raise DatasetError(
                f"{source}: two files would become the split {name}, one is {path.name}: convert one each"
            )
        splits[name] = read_coco(
            path, image_dirs=image_dirs, task=task, find_pictures=find_pictures, class_numbers=class_numbers
        )
    return splits


def _files_of(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise DatasetNotFoundError(f"{source}: there is no such file or folder")
    for pattern in ("*.json", "annotations/*.json", f"*/{_FILE_IN_SPLIT}"):
        found = sorted(path for path in source.glob(pattern) if not path.name.startswith("."))
        if found:
            return found
    raise DatasetNotFoundError(
        f"{source}: the folder holds no JSON file, nor do annotations/ and the folders of splits"
    )
