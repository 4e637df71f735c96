"""Settings of the commands that turn labels of one form into another."""

from dataclasses import MISSING, dataclass
from typing import Any, ClassVar

from posekit.config.field import Settings, setting
from posekit.config.kinds import Choice, Listing, Number, Optionally, Text, Whole, out_of_range, wrong_type

FORMS = ("coco", "cvat", "labelstudio", "deeplabcut", "sleap", "stanfordextra", "yolo")
TARGETS = ("yolo", "coco")


@dataclass(frozen=True)
class NameList:
    """Names: a list, or one text with commas between them, with brackets around it or not."""

    @property
    def expected(self) -> str:
        """The values in words."""
        return "a list of names, such as [nose,left_eye,right_eye]"

    def read(self, key: str, value: Any) -> tuple[str, ...]:
        """Return the names as a tuple of texts."""
        if isinstance(value, str):
            value = value.strip().removeprefix("[").removesuffix("]").split(",")
        if not isinstance(value, list | tuple) or any(isinstance(name, list | dict | tuple) for name in value):
            wrong_type(key, value, self)
        names = tuple(str(name).strip().strip("\"'") for name in value)
        return names if names and all(names) else out_of_range(key, list(value), self)


@dataclass(frozen=True, kw_only=True)
class ConvertSettings(Settings):
    """What `posekit convert` takes besides ``source`` and ``task``."""

    command: ClassVar[str] = "convert"

    out: str = setting(MISSING, Text("a folder"), "new folder for the data set")
    form: str | None = setting(None, Optionally(Choice(FORMS)), "what the source is; none: told by its content")
    to: str = setting("yolo", Choice(TARGETS), "label files with data.yaml, or COCO JSON")
    names: tuple[str, ...] | None = setting(
        None, Optionally(NameList()), "keypoints of the new data set, by name; none: those of the source"
    )
    images: str | None = setting(None, Optionally(Text("a folder")), "where to look for the pictures first")
    pictures: str = setting(
        "link", Choice(("link", "copy", "none")), "bring the pictures as hard links, as copies, or not at all"
    )
    class_numbers: str = setting(
        "rank", Choice(("rank", "coco80", "id")), "how categories of COCO JSON become class numbers"
    )


@dataclass(frozen=True, kw_only=True)
class MergeSettings(Settings):
    """What `posekit merge_kpt_seg` takes."""

    command: ClassVar[str] = "merge_kpt_seg"

    kpt: str = setting(MISSING, Text("a folder"), "folder of pose label files")
    seg: str = setting(MISSING, Text("a folder"), "folder of segment label files of the same pictures")
    out: str = setting(MISSING, Text("a folder"), "new folder for multitask label files")
    kpt_shape: tuple[int, ...] | None = setting(
        None, Optionally(Listing(Whole(1), length=2)), "[K, 2] or [K, 3] of the keypoints; none: told by the rows"
    )
    iou: float = setting(0.5, Number(0, 1), "smallest overlap of a pose's box with that of an outline")
    layout: str = setting(
        "keypoints_polygon", Choice(("keypoints_polygon", "box_keypoints_polygon")), "what rows hold behind the class"
    )
