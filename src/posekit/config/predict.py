"""Settings of the modes predict and track."""

from dataclasses import dataclass
from typing import ClassVar

from posekit.config.field import again, setting
from posekit.config.kinds import Choice, Flag, Listing, Optionally, Text, Whole
from posekit.config.shared import DetectionSettings, RunSettings


@dataclass(frozen=True, kw_only=True)
class PredictSettings(DetectionSettings, RunSettings):
    """What `predict` takes besides its source."""

    command: ClassVar[str] = "predict"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    precision: int = again(RunSettings, "precision", default=32, kind=Choice((32, 16)))
    retina_masks: bool = setting(False, Flag(), "masks at the size of the picture instead of the network input")
    embed: tuple[int, ...] | None = setting(
        None, Optionally(Listing(Whole())), "layer numbers whose pooled features are returned instead of detections"
    )
    stream_buffer: bool = setting(False, Flag(), "queue all frames of live streams instead of taking the newest")
    vid_stride: int = setting(1, Whole(1), "use every n-th frame of videos", "frames")
    show: bool = setting(False, Flag(), "open a window; q stops")
    save: bool = setting(
        False, Flag(), "save drawn pictures and videos (true on the command line); train: save checkpoints"
    )
    save_frames: bool = setting(False, Flag(), "save the frames of videos as pictures")
    save_crop: bool = setting(False, Flag(), "save a cut-out of each detection")
    show_labels: bool = setting(True, Flag(), "draw class names")
    show_conf: bool = setting(True, Flag(), "draw scores")
    show_boxes: bool = setting(True, Flag(), "draw boxes")
    line_width: int | None = setting(None, Optionally(Whole(1)), "width of drawn lines; none: by picture size", "px")


@dataclass(frozen=True, kw_only=True)
class TrackSettings(PredictSettings):
    """What `track` takes besides its source."""

    command: ClassVar[str] = "track"

    conf: float = again(DetectionSettings, "conf", default=0.1)
    tracker: str = setting("bytetrack.yaml", Text("a YAML file"), "tracker and its parameters")
    persist: bool = setting(False, Flag(), "keep the tracks of the previous call")
