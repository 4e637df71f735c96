"""Words of the command line that are no settings of a mode, and the settings of special commands."""

from dataclasses import MISSING, dataclass
from typing import Any, ClassVar

from posekit.config.kinds import Choice, ImageSize, Kind, Optionally, Settings, Text, Whole, setting, settings_of
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


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task, with what is taken when the user names neither weights nor data.

    Attributes:
        name: the word users type.
        model: default weight file, the newest nano size.
        data: default data set for training and validation.
    """

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
        Mode(name="export", settings=ExportSettings),
        Mode(name="track", settings=TrackSettings),
        Mode(name="benchmark", settings=BenchmarkSettings),
    )
}


# What a command does when the user names no task or no mode.
DEFAULT_TASK = "pose"


DEFAULT_MODE = "predict"


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


@dataclass(frozen=True)
class Anything:
    """Any value: sources are checked where they are opened."""

    @property
    def expected(self) -> str:
        """The values in words."""
        return "a file, folder, URL, pattern or camera number"

    def read(self, key: str, value: Any) -> Any:
        """Return the value as it is."""
        return value


def _choice(names: dict[str, Any]) -> Kind:
    return Optionally(Choice(tuple(names)))


@dataclass(frozen=True, kw_only=True)
class CommandSettings(Settings):
    """What a command line says besides the settings of its mode."""

    command: ClassVar[str] = "posekit"

    task: str | None = setting(None, _choice(TASKS), "kind of result; none: the model's")
    mode: str | None = setting(None, _choice(MODES), "what to do; none: predict")
    model: str | None = setting(None, Optionally(Text("a weight or model file")), "weights or model definition")
    source: object = setting(None, Anything(), "pictures or videos to predict on; none: built-in figures")
    cfg: str | None = setting(None, Optionally(Text("a YAML file")), "file of settings; keys given beside it win")


@dataclass(frozen=True, kw_only=True)
class NoSettings(Settings):
    """For special commands that take nothing, or only what `CommandSettings` holds."""

    command: ClassVar[str] = "this command"


@dataclass(frozen=True, kw_only=True)
class FiguresSettings(Settings):
    """What `posekit figures` takes."""

    command: ClassVar[str] = "figures"

    out: str = setting(MISSING, Text("a folder"), "folder to write the data set into")
    train: int = setting(64, Whole(), "training pictures")
    val: int = setting(16, Whole(), "validation pictures")
    imgsz: int | tuple[int, int] | None = setting(
        None, Optionally(ImageSize()), "size of the pictures; none: the generator's own", "px"
    )
    seed: int = setting(0, Whole(), "seed of all random numbers")
    form: str = setting("yolo", Choice(("yolo", "coco")), "label files per picture, or one COCO JSON per split")


@dataclass(frozen=True, kw_only=True)
class CheckSettings(Settings):
    """What `posekit check` takes."""

    command: ClassVar[str] = "check"

    data: str = setting(MISSING, Text("a YAML file"), "data set description, as for training and validation")
    out: str | None = setting(None, Optionally(Text("a file")), "report to write; none: report.html in a run folder")


@dataclass(frozen=True, kw_only=True)
class MergeWeightsSettings(Settings):
    """What `posekit merge_weights` takes."""

    command: ClassVar[str] = "merge_weights"

    kpt: str = setting(MISSING, Text("a weight file"), "pose network: its keypoint branches are taken")
    seg: str = setting(MISSING, Text("a weight file"), "segment network of the same size: its mask branches are taken")
    out: str = setting(MISSING, Text("a file"), "multitask weights to write, .pt or .safetensors")
    body: str = setting("pose", Choice(("pose", "segment")), "network whose other layers and classes are taken")


TASKS_WITH_KEYPOINTS = frozenset({"pose", "multitask"})


TASKS_WITH_OUTLINES = frozenset({"segment", "multitask"})
