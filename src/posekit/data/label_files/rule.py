"""`LabelRule`: what the rows of a label file are expected to hold."""

from dataclasses import dataclass

from posekit.config.modes import TASKS
from posekit.config.task_parts import TASKS_WITH_KEYPOINTS
from posekit.errors import DatasetError

LAYOUTS = ("box_keypoints_polygon", "keypoints_polygon")


@dataclass(frozen=True, kw_only=True)
class LabelRule:
    """What the rows of label files are expected to hold; the same for all files of a split.

    Attributes:
        task: "detect", "segment", "pose" or "multitask".
        nc: number of classes.
        kpt_shape: (K, D), D = 2 (x, y) or 3 (x, y, visibility); needed for pose and multitask.
        single_cls: all objects become class 0, so that class numbers from `nc` on are accepted.
        layout: of rows with keypoints and polygon, one of `LAYOUTS`; None to decide per file.
        keypoint_classes: the classes whose rows hold keypoints in the layout "keypoints_polygon"; None for all.
    """

    task: str
    nc: int
    kpt_shape: tuple[int, int] | None = None
    single_cls: bool = False
    layout: str | None = None
    keypoint_classes: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise DatasetError(f"task={self.task}: label files are read for one of {', '.join(TASKS)}")
        if self.layout not in (None, *LAYOUTS):
            raise DatasetError(f"layout={self.layout}: rows are laid out as one of {', '.join(LAYOUTS)}")
        if self.kpt_shape is None and self.task in TASKS_WITH_KEYPOINTS:
            raise DatasetError(f"task={self.task} needs kpt_shape, such as [17, 3]")

    @property
    def keypoint_values(self) -> int:
        """How many values the keypoints of one object take; 0 without keypoints."""
        return self.kpt_shape[0] * self.kpt_shape[1] if self.kpt_shape else 0

    @property
    def pose_columns(self) -> int:
        """How many values a row of class, box and keypoints has."""
        return 5 + self.keypoint_values

    def has_keypoints(self, label: int) -> bool:
        """Tell whether objects of a class have keypoints."""
        return self.keypoint_classes is None or label in self.keypoint_classes
