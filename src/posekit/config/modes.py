"""Tasks, modes and special words of the command line, as data."""

from dataclasses import dataclass

from posekit.config.export import BenchmarkSettings, ExportSettings
from posekit.config.field import Settings, settings_of
from posekit.config.predict import PredictSettings, TrackSettings
from posekit.config.train import TrainSettings
from posekit.config.val import ValSettings
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
