"""Converts annotations of any known format to a data set that posekit trains on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from posekit.data.annotation import ObjectAnnotation
from posekit.data.convert.formats import FORMATS, Format, ReadOptions, Splits
from posekit.data.convert.keypoint_map import map_keypoints
from posekit.data.convert.picture_transfer import PictureTransfer
from posekit.data.convert.recognise_format import recognise_format
from posekit.data.convert.write_coco_set import write_coco_set
from posekit.data.convert.write_yolo import write_yolo
from posekit.data.convert.written import Written
from posekit.errors import SettingError


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
