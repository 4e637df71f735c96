"""The annotation formats that posekit reads, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from posekit.data.annotation import AnnotationSet
from posekit.data.coco.class_numbers import ClassNumbers
from posekit.data.convert.coco_splits import read_coco_splits
from posekit.data.convert.cvat import read_cvat
from posekit.data.convert.deeplabcut import read_deeplabcut
from posekit.data.convert.label_studio import read_label_studio
from posekit.data.convert.sleap import read_sleap
from posekit.data.convert.stanfordextra import read_stanfordextra
from posekit.data.convert.yolo_to_coco import split_annotations
from posekit.data.open_split import open_split
from posekit.data.read_description import read_description

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
