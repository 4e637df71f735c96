"""`convert_labels`: annotations of any known format become a data set that posekit trains on.

A reader takes the file or folder, and a folder to look for pictures in before it looks beside the annotations. It
returns everything that was read, with a problem for everything that was not, and raises `DatasetNotFoundError` where
there is no such file, `DatasetError` where it is of another format or damaged.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from posekit.data.annotation import AnnotationSet, ObjectAnnotation
from posekit.data.coco.categories import ClassNumbers
from posekit.data.coco.split import read_coco_splits
from posekit.data.coco.write import split_annotations, write_coco_set
from posekit.data.convert.cvat import FILE_NAME as CVAT_FILE
from posekit.data.convert.cvat import read_cvat
from posekit.data.convert.deeplabcut import LABEL_FILES, LABEL_FOLDERS, PROJECT_FILE, read_deeplabcut
from posekit.data.convert.keypoint_map import map_keypoints
from posekit.data.convert.label_studio import read_label_studio
from posekit.data.convert.sleap import read_sleap
from posekit.data.convert.stanfordextra import read_stanfordextra
from posekit.data.dataset import read_description
from posekit.data.open_split import open_split
from posekit.data.written import PictureTransfer, Written
from posekit.data.yolo.write import write_yolo
from posekit.errors import DatasetError, DatasetNotFoundError, SettingError, UnknownChoiceError
from posekit.files.magic import HEAD_BYTES, identify
from posekit.files.reading import read_file

ONLY_SPLIT = "train"  # of formats that know no splits
Splits = dict[str, AnnotationSet]

_HEAD_BYTES = 65536
_YAML = (".yaml", ".yml")


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
    """One annotation format: its word, as in ``form=cvat``, what messages call it, and its reader, by split."""

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


def _one_split(read: Callable[..., AnnotationSet]) -> Callable[[Path, ReadOptions], Splits]:
    return lambda source, options: {ONLY_SPLIT: read(source, images=options.images)}


FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format(name="coco", title="COCO JSON", read=_read_coco),
        Format(name="cvat", title="CVAT XML", read=_one_split(read_cvat)),
        Format(name="labelstudio", title="a JSON export of Label Studio", read=_one_split(read_label_studio)),
        Format(name="deeplabcut", title="labels of DeepLabCut", read=_one_split(read_deeplabcut)),
        Format(
            name="sleap",
            title="a SLEAP file",
            read=lambda source, options: {
                ONLY_SPLIT: read_sleap(source, extracted=options.extracted, images=options.images)
            },
        ),
        Format(name="stanfordextra", title="JSON of StanfordExtra", read=_one_split(read_stanfordextra)),
        Format(name="yolo", title="a data set in YOLO form", read=_read_yolo),
    )
}


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
    if any(folder.glob(f"{LABEL_FILES}.*")) or (folder / LABEL_FOLDERS).is_dir():
        return "deeplabcut"
    if any(path.suffix.lower() in _YAML for path in folder.iterdir()):
        return "yolo"
    return "coco" if any(any(folder.glob(pattern)) for pattern in ("*.json", "*/*.json")) else None


def _of_file(path: Path) -> str | None:
    head = read_file(path, DatasetError, first=_HEAD_BYTES)
    content = identify(head[:HEAD_BYTES])
    kind = content.format if content else ""
    if kind == "ZIP":
        raise DatasetError(f"{path}: is a ZIP archive: unpack it, and name the folder or the annotation file in it")
    if kind == "HDF5 file":
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
        UnknownChoiceError: `form`, `to`, `pictures` or `class_numbers` is none of its choices.
        SettingError: `names` fit no keypoint; or embedded pictures, and ``pictures="none"``.
        MissingExtraError: the format needs a package that is not installed.
        OutputError: `out` holds something already, or cannot be written.
    """
    for key, value, choices in (("form", form or "coco", tuple(FORMATS)), ("to", to, ("yolo", "coco"))):
        if value not in choices:
            raise UnknownChoiceError(f"{key}={value!r} is none of {', '.join(choices)}")
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
        if to == "coco":
            written = write_coco_set(splits, out, pictures=pictures)
        else:
            written = write_yolo(splits, out, task=task, pictures=pictures)
    return Converted(
        form=chosen,
        task=task,
        splits=tuple(splits),
        outlines_left=to == "yolo" and task in ("detect", "pose") and any(thing.parts for thing in _objects(splits)),
        written=written,
    )


def _task_of(splits: Splits) -> str:
    """Return the task that fits what was read."""
    if any(annotations.schema is not None for annotations in splits.values()):
        return "pose"
    return "segment" if any(thing.parts for thing in _objects(splits)) else "detect"


def _objects(splits: Splits) -> Iterable[ObjectAnnotation]:
    return (thing for annotations in splits.values() for picture in annotations.pictures for thing in picture.objects)
