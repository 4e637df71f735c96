"""Words of the command line that are no settings of a mode, and the settings of special commands."""

from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Literal

from posekit.config.kinds import Choice, ImageSize, Kind, Settings, setting, settings_of
from posekit.config.settings import (
    BenchmarkSettings,
    ExportSettings,
    PredictSettings,
    TrackSettings,
    TrainSettings,
    ValSettings,
)
from posekit.errors import NotInThisReleaseError
from posekit.version import __version__

# What a command does when the user names no task or no mode.
DEFAULT_TASK = "pose"
DEFAULT_MODE = "predict"

TASKS_WITH_KEYPOINTS = frozenset({"pose", "multitask"})
TASKS_WITH_OUTLINES = frozenset({"segment", "multitask"})


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task, with the weights and the data that are taken when the user names none."""

    name: str
    model: str
    data: str


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A mode with its settings; `available` says whether this release has it."""

    name: str
    settings: type[Settings]
    available: bool = False


TASKS = {
    task.name: task
    for task in (
        Task(name="detect", model="yolo26n.pt", data="coco8.yaml"),
        Task(name="segment", model="yolo26n-seg.pt", data="coco8-seg.yaml"),
        Task(name="pose", model="yolo26n-pose.pt", data="coco8-pose.yaml"),
        Task(name="multitask", model="yolov8n-multitask.pt", data="coco8-multitask.yaml"),
    )
}

MODES = {
    mode.name: mode
    for mode in (
        Mode(name="train", settings=TrainSettings, available=True),
        Mode(name="val", settings=ValSettings, available=True),
        Mode(name="predict", settings=PredictSettings, available=True),
        Mode(name="export", settings=ExportSettings, available=True),
        Mode(name="track", settings=TrackSettings),
        Mode(name="benchmark", settings=BenchmarkSettings, available=True),
    )
}


def require_mode(name: str) -> Mode:
    """Return the mode `name` of `MODES`.

    Raises:
        NotInThisReleaseError: this release does not have the mode yet.
    """
    mode = MODES[name]
    if not mode.available:
        raise not_yet(f"{name} mode")
    return mode


def not_yet(what: str) -> NotInThisReleaseError:
    """Return the error for a known part that this release lacks."""
    present = ", ".join(mode.name for mode in MODES.values() if mode.available)
    return NotInThisReleaseError(f"posekit {__version__} has no {what} yet; the modes of this release are {present}")


def modes_by_key() -> dict[str, list[Mode]]:
    """Return for each setting the modes that take it, in order of first appearance."""
    found: dict[str, list[Mode]] = {}
    for mode in MODES.values():
        for key in settings_of(mode.settings):
            found.setdefault(key, []).append(mode)
    return found


class Anything(Kind):
    """Any value: sources are checked where they are opened."""

    expected = "a file, folder, URL, pattern or camera number"

    def _read(self, key: str, value: Any) -> Any:
        return value


@dataclass(frozen=True, kw_only=True)
class CommandSettings(Settings):
    """What a command line says besides the settings of its mode."""

    command: ClassVar[str] = "posekit"

    task: str | None = setting(None, "kind of result; none: the model's", kind=Choice(tuple(TASKS)))
    mode: str | None = setting(None, "what to do; none: predict", kind=Choice(tuple(MODES)))
    model: str | None = setting(None, "weights or model definition", what="a weight or model file")
    source: object = setting(None, "pictures or videos to predict on; none: built-in figures", kind=Anything())
    cfg: str | None = setting(None, "file of settings; keys given beside it win", what="a YAML file")


@dataclass(frozen=True, kw_only=True)
class NoSettings(Settings):
    """For special commands that take nothing, or only what `CommandSettings` holds."""

    command: ClassVar[str] = "this command"


@dataclass(frozen=True, kw_only=True)
class FiguresSettings(Settings):
    """What `posekit figures` takes."""

    command: ClassVar[str] = "figures"

    out: str = setting(MISSING, "folder to write the data set into", what="a folder")
    train: int = setting(64, "training pictures")
    val: int = setting(16, "validation pictures")
    imgsz: int | tuple[int, int] | None = setting(
        None, "size of the pictures; none: the generator's own", "px", kind=ImageSize()
    )
    seed: int = setting(0, "seed of all random numbers")
    form: Literal["yolo", "coco"] = setting("yolo", "label files per picture, or one COCO JSON per split")


@dataclass(frozen=True, kw_only=True)
class CheckSettings(Settings):
    """What `posekit check` takes."""

    command: ClassVar[str] = "check"

    data: str = setting(MISSING, "data set description, as for training and validation", what="a YAML file")
    out: str | None = setting(None, "report to write; none: report.html in a run folder", what="a file")


@dataclass(frozen=True, kw_only=True)
class MergeWeightsSettings(Settings):
    """What `posekit merge_weights` takes."""

    command: ClassVar[str] = "merge_weights"

    kpt: str = setting(MISSING, "pose network: its keypoint branches are taken", what="a weight file")
    seg: str = setting(MISSING, "segment network of the same size: its mask branches are taken", what="a weight file")
    out: str = setting(MISSING, "multitask weights to write, .pt or .safetensors", what="a file")
    body: Literal["pose", "segment"] = setting("pose", "network whose other layers and classes are taken")


@dataclass(frozen=True, kw_only=True)
class TritonSettings(Settings):
    """What `posekit triton` takes."""

    command: ClassVar[str] = "triton"

    out: str = setting(MISSING, "model repository to write into, as OUT/NAME", what="a folder")
    batch: int = setting(8, "most pictures that Triton may put together, of dynamic files", low=1)
