"""Converts annotations of any known format to a data set that posekit trains on."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.data.coco.categories import ClassNumbers
from posekit.data.coco.split import read_coco_splits
from posekit.data.coco.write import write_coco, write_coco_set
from posekit.data.convert.cvat import FILE_NAME as CVAT_FILE
from posekit.data.convert.cvat import read_cvat
from posekit.data.convert.deeplabcut import LABEL_FILES, PROJECT_FILE, read_deeplabcut
from posekit.data.convert.keypoint_map import map_keypoints
from posekit.data.convert.label_studio import read_label_studio
from posekit.data.convert.sleap import read_sleap
from posekit.data.convert.stanfordextra import read_stanfordextra
from posekit.data.dataset import read_description
from posekit.data.labels import PictureLabels, Split
from posekit.data.open_split import open_split
from posekit.data.written import PictureTransfer, Written
from posekit.data.yolo.write import write_yolo
from posekit.errors import DatasetError, DatasetKeyError, DatasetNotFoundError, SettingError
from posekit.files.reading import read_file
from posekit.files.writing import new_folder


def yolo_to_coco(
    data: str | Path, out: Path, *, task: str = "pose", splits: Sequence[str] | None = None
) -> dict[str, Written]:
    """Convert a data set in YOLO form to COCO JSON; the folder appears complete or not at all.

    Each split becomes ``<out>/<split>.json``. Pictures stay where they are: ``file_name`` is relative to the root of
    the data set, and absolute for pictures outside.

    Args:
        data: a dataset YAML, or a folder that holds one.
        out: a new or empty folder.
        task: "detect", "segment", "pose" or "multitask": how the label files are read.
        splits: "train", "val", "test"; None for all that the data set has.

    Returns:
        By split, the file and what was written and left out.

    Raises:
        DatasetNotFoundError: the data set, or a part of it, does not exist.
        DatasetError: no picture of a split can be used, or the data set contradicts itself.
        DatasetKeyError: the data set has no such split, or no ``kpt_shape`` for a task with keypoints.
        OutputError: the folder holds something already, or cannot be written.
    """
    description = read_description(data, task=task)
    chosen = tuple(description.splits) if splits is None else tuple(splits)
    if not chosen:
        raise DatasetKeyError(f"{description.source}: names no split to convert")
    opened = {split: open_split(description, split, task=task) for split in chosen}
    with new_folder(out) as draft:
        draft.mkdir(exist_ok=True)
        written = {
            name: write_coco(split_annotations(split, description.root), draft / f"{name}.json")
            for name, split in opened.items()
        }
    return {name: replace(answer, path=out / f"{name}.json") for name, answer in written.items()}


def split_annotations(split: Split, root: Path) -> AnnotationSet:
    """Return the labels of a split as annotations in pixels.

    Args:
        split: with its labels.
        root: the folder that ``file_name`` is relative to, "/" between folders; names of pictures outside are absolute.
    """
    return AnnotationSet(
        names=split.names,
        schema=split.schema,
        pictures=tuple(_picture(labels, root) for labels in split.pictures),
        problems=split.report.problems,
    )


def _picture(labels: PictureLabels, root: Path) -> PictureAnnotation:
    path = Path(labels.path)
    name = path.relative_to(root) if path.is_relative_to(root) else path.absolute()
    return PictureAnnotation(
        file_name=name.as_posix(),
        path=path,
        size=labels.size,
        objects=tuple(_object(labels, index) for index in range(len(labels))),
    )


def _object(labels: PictureLabels, index: int) -> ObjectAnnotation:
    scale = np.array(labels.size[::-1], np.float64)
    box = labels.boxes[index].astype(np.float64)
    near, far = (box[:2] - box[2:] / 2) * scale, (box[:2] + box[2:] / 2) * scale
    keypoints = None
    if labels.keypoints is not None:
        keypoints = labels.keypoints[index].astype(np.float64)
        keypoints[:, :2] *= scale
    outline = labels.polygons[index] * scale if labels.polygons else np.zeros((0, 2))
    return ObjectAnnotation(
        label=int(labels.classes[index]),
        box=(float(near[0]), float(near[1]), float(far[0]), float(far[1])),
        keypoints=keypoints,
        parts=(outline,) if len(outline) else (),
    )


# The name of the split of formats that know none.
ONLY_SPLIT = "train"


Splits = dict[str, AnnotationSet]


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a reader may need besides the source.

    Attributes:
        task: the task to read for; None when it is to be told by what is there.
        images: folder to look for pictures in first.
        extracted: folder for pictures that are embedded in the annotation file.
        class_numbers: how COCO categories become class numbers.
        find_pictures: whether the picture files are needed.
    """

    task: str | None
    images: Path | None
    extracted: Path
    class_numbers: str = "rank"
    find_pictures: bool = True


@dataclass(frozen=True, kw_only=True)
class Format:
    """One annotation format.

    Attributes:
        name: the word for it, as in ``form=cvat``.
        title: what it is called in messages.
        read: gives the annotations of a source by split.
    """

    name: str
    title: str
    read: Callable[[Path, ReadOptions], Splits]


def _read_coco(source: Path, options: ReadOptions) -> Splits:
    return read_coco_splits(
        source,
        task=options.task or "multitask",
        image_dirs=() if options.images is None else (options.images,),
        find_pictures=options.find_pictures,
        class_numbers=cast("ClassNumbers", options.class_numbers),
    )


def _read_yolo(source: Path, options: ReadOptions) -> Splits:
    description = read_description(source, task=options.task or "detect")
    # Pose rows are multitask rows without an outline, boxes and outlines are both read for detection.
    task = options.task or ("multitask" if description.schema else "detect")
    return {
        split: split_annotations(open_split(description, split, task=task), description.root)
        for split in description.splits
    }


def _read_sleap(source: Path, options: ReadOptions) -> Splits:
    return {ONLY_SPLIT: read_sleap(source, extracted=options.extracted, images=options.images)}


def _one_split(read: Callable[..., AnnotationSet]) -> Callable[[Path, ReadOptions], Splits]:
    def read_source(source: Path, options: ReadOptions) -> Splits:
        return {ONLY_SPLIT: read(source, images=options.images)}

    return read_source


FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format(name="coco", title="COCO JSON", read=_read_coco),
        Format(name="cvat", title="CVAT XML", read=_one_split(read_cvat)),
        Format(name="labelstudio", title="a JSON export of Label Studio", read=_one_split(read_label_studio)),
        Format(name="deeplabcut", title="labels of DeepLabCut", read=_one_split(read_deeplabcut)),
        Format(name="sleap", title="a SLEAP file", read=_read_sleap),
        Format(name="stanfordextra", title="JSON of StanfordExtra", read=_one_split(read_stanfordextra)),
        Format(name="yolo", title="a data set in YOLO form", read=_read_yolo),
    )
}


_HEAD_BYTES = 65536


_HDF5 = b"\x89HDF\r\n\x1a\n"


_ZIP = b"PK\x03\x04"


_LABEL_FOLDERS = "labeled-data"


_YAML = (".yaml", ".yml")


def recognise_format(source: Path) -> str:
    """Return the name of the format of a file or folder.

    Raises:
        DatasetNotFoundError: there is no such file or folder.
        DatasetError: it has none of the known formats.
    """
    if not source.exists():
        raise DatasetNotFoundError(f"{source}: there is no such file or folder")
    found = _of_folder(source) if source.is_dir() else _of_file(source)
    if found is None:
        raise DatasetError(
            f"{source}: its format cannot be told. Known are COCO JSON, CVAT XML, JSON of Label Studio and of "
            "StanfordExtra, files of DeepLabCut and SLEAP, and data sets with a YAML; name one with form="
        )
    return found


def _of_folder(folder: Path) -> str | None:
    if (folder / CVAT_FILE).is_file():
        return "cvat"
    if any(folder.glob(f"{LABEL_FILES}.*")) or (folder / _LABEL_FOLDERS).is_dir():
        return "deeplabcut"
    if any(path.suffix.lower() in _YAML for path in folder.iterdir()):
        return "yolo"
    return "coco" if any(any(folder.glob(pattern)) for pattern in ("*.json", "*/*.json")) else None


def _of_file(path: Path) -> str | None:
    head = read_file(path, DatasetError, first=_HEAD_BYTES)
    if head.startswith(_ZIP):
        raise DatasetError(f"{path}: is a ZIP archive: unpack it, and name the folder or the annotation file in it")
    if head.startswith(_HDF5):
        return "sleap" if path.suffix.lower() == ".slp" else "deeplabcut"
    if path.name == PROJECT_FILE and re.search(rb"^(multianimal)?bodyparts:", head, re.MULTILINE):
        return "deeplabcut"
    if path.suffix.lower() in _YAML:
        return "yolo"
    text = head.decode("utf-8-sig", "replace").lstrip()
    return next((name for name, fits in _TEXTS if fits(text)), None)


def _has_keys(*keys: str) -> Callable[[str], bool]:
    """Return whether a text is the start of a JSON list whose first entries have these keys."""

    def fits(text: str) -> bool:
        return text.startswith("[") and all(re.search(rf'"{key}"\s*:', text) for key in keys)

    return fits


# The first that fits counts.
_TEXTS: Sequence[tuple[str, Callable[[str], bool]]] = (
    ("cvat", lambda text: text.startswith("<") and "<annotations" in text),
    ("deeplabcut", lambda text: text.startswith("scorer,")),
    ("coco", lambda text: text.startswith("{")),
    ("stanfordextra", _has_keys("img_path", "joints")),
    ("labelstudio", _has_keys("annotations")),
    ("labelstudio", _has_keys("completions")),
    ("labelstudio", _has_keys("annotation_id")),
    ("labelstudio", _has_keys("annotator")),
    ("coco", lambda text: text.startswith("[")),  # its reader says what the list is instead
)


@dataclass(frozen=True, kw_only=True)
class Converted:
    """The outcome of a conversion.

    Attributes:
        form: the format that was read.
        task: the task that was written for.
        splits: names of the splits.
        outlines_left: whether the source has outlines that the task leaves out.
        written: the path of the new data set, and what was written and left out.
    """

    form: Format
    task: str
    splits: tuple[str, ...]
    outlines_left: bool
    written: Written


def convert_labels(
    source: str | Path,
    out: str | Path,
    *,
    form: str | None = None,
    to: str = "yolo",
    task: str | None = None,
    names: Sequence[str] | None = None,
    images: str | Path | None = None,
    pictures: PictureTransfer = "link",
    class_numbers: str = "rank",
) -> Converted:
    """Convert annotations to label files or COCO JSON; the new folder appears complete or not at all.

    Args:
        source: a file or folder; see the formats.
        out: a new or empty folder.
        form: name of the format; None tells it by the content.
        to: "yolo" or "coco".
        task: "detect", "segment", "pose" or "multitask"; None takes "pose" where there are keypoints, else "segment"
            where there are outlines, else "detect". COCO JSON gets everything that was read.
        names: the keypoints of the new data set in their order, see `map_keypoints`; None keeps those of the source.
        images: folder to look for pictures in first.
        pictures: "link", "copy" or "none": how pictures are brought along.
        class_numbers: how categories of COCO JSON become class numbers: "rank", "coco80" or "id".

    Raises:
        DatasetNotFoundError: there is no such source.
        DatasetError: the format cannot be told, or the source is damaged or holds nothing usable.
        SettingError: `names` fit no keypoint; or embedded pictures, and ``pictures="none"``.
        MissingExtraError: the format needs a package that is not installed.
        OutputError: `out` holds something already, or cannot be written.
    """
    source, out = Path(source).expanduser(), Path(out).expanduser()
    chosen = FORMATS[form or recognise_format(source)]
    with TemporaryDirectory(prefix="posekit-") as extracted:
        options = ReadOptions(
            task=task,
            images=None if images is None else Path(images).expanduser(),
            extracted=Path(extracted),
            class_numbers=class_numbers,
            find_pictures=pictures != "none",
        )
        splits = chosen.read(source, options)
        if pictures == "none" and any(Path(extracted).iterdir()):
            raise SettingError(f"pictures=none: the pictures of {source} are embedded in it and would be lost")
        if names is not None:
            splits = {split: map_keypoints(found, names, file=str(source)) for split, found in splits.items()}
        task = task or _task_of(splits)
        written = _write(splits, out, to, task, pictures)
    return Converted(
        form=chosen,
        task=task,
        splits=tuple(splits),
        outlines_left=to == "yolo" and task in ("detect", "pose") and any(thing.parts for thing in _objects(splits)),
        written=written,
    )


def _write(splits: Splits, out: Path, to: str, task: str, pictures: PictureTransfer) -> Written:
    if to == "coco":
        return write_coco_set(splits, out, pictures=pictures)
    return write_yolo(splits, out, task=task, pictures=pictures)


def _task_of(splits: Splits) -> str:
    """Return the task that fits what was read."""
    if any(annotations.schema is not None for annotations in splits.values()):
        return "pose"
    return "segment" if any(thing.parts for thing in _objects(splits)) else "detect"


def _objects(splits: Splits) -> Iterable[ObjectAnnotation]:
    return (thing for annotations in splits.values() for picture in annotations.pictures for thing in picture.objects)


def coco_to_yolo(
    source: Path,
    out: Path,
    *,
    task: str = "pose",
    image_dirs: Sequence[Path] = (),
    class_numbers: ClassNumbers = "rank",
    pictures: PictureTransfer = "link",
) -> Written:
    """Convert COCO JSON to a data set in YOLO form; the folder appears complete or not at all.

    Each file becomes one split: ``train``, ``val`` or ``test`` when its name says so, else its own name. Crowds, and
    for "pose" objects without a labelled keypoint, are left out and counted.

    Args:
        source: a COCO JSON file, or a folder of which all ``*.json``, or those in ``annotations/`` or in the folders
            of splits, are converted.
        out: a new or empty folder.
        task: "detect", "segment", "pose" or "multitask": which rows to write.
        image_dirs: folders to look for pictures in first.
        class_numbers: "rank": categories in ascending order of their ids become 0, 1, ...; "coco80": COCO's ids 1 to
            90 become the 80 classes; "id": id - 1.
        pictures: "link" (hard links, which take no space; copies across disks), "copy" or "none".

    Returns:
        The path of ``data.yaml``, and what was written and left out.

    Raises:
        DatasetNotFoundError: there is no such file, or no JSON in the folder.
        DatasetError: a file is no COCO ground truth, or the files contradict each other.
        OutputError: the folder holds something already, or cannot be written.
        UnknownChoiceError: `class_numbers` or `pictures` is none of its choices.
    """
    splits = read_coco_splits(
        source, task=task, image_dirs=image_dirs, find_pictures=pictures != "none", class_numbers=class_numbers
    )
    return write_yolo(splits, out, task=task, pictures=pictures)
