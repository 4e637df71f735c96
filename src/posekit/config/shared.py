"""Settings that several modes share; a mode that wants another default says only that."""

from dataclasses import dataclass

from posekit.config.field import Settings, again, setting
from posekit.config.kinds import (
    BatchSize,
    Choice,
    Device,
    Either,
    Flag,
    ImageSize,
    Listing,
    Number,
    Optionally,
    Text,
    Whole,
)
from posekit.log import LOGGER


@dataclass(frozen=True, kw_only=True)
class RunSettings(Settings):
    """What every mode has: input size, batch, device, precision and where to write."""

    imgsz: int | tuple[int, int] | None = setting(
        None,
        Optionally(ImageSize()),
        "size of the network input, square or [height, width], rounded up to the stride; "
        "none: the size that the model remembers, else 640",
        "px",
    )
    batch: int | float = setting(
        16, BatchSize(), "pictures per step; -1: as many as fit the GPU; between 0 and 1: that share of its memory"
    )
    device: str | None = setting(
        None,
        Optionally(Device()),
        "where to compute: cpu, mps, 0, or -1 for the idlest GPU; none: the best there is; "
        "of several, as in 0,1, train and val use each in a process of its own, other modes the first",
    )
    precision: int = setting(
        32,
        Choice((32, 16, 8)),
        "arithmetic; half=True and quantize=16 mean 16, int8=True and quantize=8 mean 8",
        "bits",
    )
    project: str | None = setting(
        None, Optionally(Text("a folder")), "folder of runs: below runs/TASK when relative, as it is when absolute"
    )
    name: str | None = setting(None, Optionally(Text("a folder name")), "folder of this run in project; none: the mode")
    exist_ok: bool = setting(False, Flag(), "write into an existing folder instead of a new, numbered one")
    verbose: bool = setting(True, Flag(), "log the progress")

    @property
    def half(self) -> bool:
        """Whether to compute in 16-bit floating point."""
        return self.precision == 16


@dataclass(frozen=True, kw_only=True)
class DetectionSettings(Settings):
    """How raw network outputs become detections (val, predict and track)."""

    conf: float = setting(0.25, Number(0, 1), "detections with a lower score are dropped")
    iou: float = setting(
        0.7, Number(0, 1), "non-maximum suppression drops a box that overlaps a better one by more than this IoU"
    )
    nms: bool | None = setting(
        True,
        Optionally(Flag()),
        "false: use the NMS-free head of a YOLO26 model; true or none: the other head, then suppression "
        "(export: true builds the suppression into the file)",
    )
    max_det: int = setting(300, Whole(1), "detections kept per picture, best first")
    agnostic_nms: bool = setting(False, Flag(), "suppress overlapping boxes of different classes too")
    classes: tuple[int, ...] | None = setting(
        None, Optionally(Listing(Whole())), "class numbers to keep, such as [0, 2]; none: all"
    )
    augment: bool = setting(False, Flag(), "test-time augmentation (detect only)")
    rect: bool = setting(
        True, Flag(), "pad pictures only to the next stride multiple instead of a square (train: and no mosaic)"
    )
    visualize: bool = setting(False, Flag(), "save feature maps (predict) or right and wrong detections (val)")
    save_txt: bool = setting(False, Flag(), "save one label file per picture")
    save_conf: bool = setting(False, Flag(), "add the score to each row of the label files")


@dataclass(frozen=True, kw_only=True)
class DataSettings(RunSettings):
    """How a data set is read (train and val); these modes take square inputs only."""

    imgsz: int | None = again(RunSettings, "imgsz", default=None)
    data: str | None = setting(
        None,
        Optionally(Text("a YAML file")),
        "data set description; none: the one remembered by the model or the task's own",
    )
    fraction: float | int | tuple[float | int, ...] = setting(
        1.0,
        Either(Number(0, 1), Whole(1), Listing(Either(Number(0, 1), Whole(1)))),
        "part of the data set to use: a share, a number of pictures, or one of these per split",
    )
    cache: bool | str = setting(
        False, Either(Flag(), Choice(("ram", "disk"))), "keep decoded pictures in ram or on disk"
    )
    workers: int = setting(8, Whole(), "background workers that load pictures")
    single_cls: bool = setting(False, Flag(), "treat all classes as one")
    overlap_mask: bool = setting(True, Flag(), "one index map per picture instead of one mask per object")
    plots: bool = setting(True, Flag(), "draw figures")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.imgsz, tuple):
            side = max(self.imgsz)
            LOGGER.warning("imgsz=%s: %s takes one whole number, so %d is used", list(self.imgsz), self.command, side)
            object.__setattr__(self, "imgsz", side)
