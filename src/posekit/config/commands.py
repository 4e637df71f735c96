"""Words of the command line that are no settings of a mode, and the settings of special commands."""

from dataclasses import MISSING, dataclass
from typing import Any, ClassVar

from posekit.config.convert import ConvertSettings, MergeSettings
from posekit.config.field import Settings, setting
from posekit.config.kinds import Choice, ImageSize, Kind, Optionally, Text, Whole
from posekit.config.modes import MODES, TASKS
from posekit.config.user_settings import UserSettings


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


@dataclass(frozen=True, kw_only=True)
class Special:
    """A command that runs no mode.

    Attributes:
        name: the word users type.
        meaning: what it does, for the help text.
        settings: what it takes besides `CommandSettings`.
    """

    name: str
    meaning: str
    settings: type[Settings] = NoSettings


SPECIALS = {
    special.name: special
    for special in (
        Special(name="help", meaning="this text; help MODE lists the settings of a mode"),
        Special(name="version", meaning="the version number"),
        Special(name="checks", meaning="the system: Python, memory, CUDA, package versions"),
        Special(
            name="settings",
            meaning="your folders and loggers; KEY=VALUE changes one, reset restores all",
            settings=UserSettings,
        ),
        Special(name="cfg", meaning="all default settings"),
        Special(name="copy-cfg", meaning="write the default settings to default_copy.yaml, fit for cfg="),
        Special(name="info", meaning="describe a model: model=FILE"),
        Special(
            name="figures",
            meaning="make a synthetic data set: out=FOLDER [train= val= imgsz= seed= form=yolo or coco]",
            settings=FiguresSettings,
        ),
        Special(
            name="check",
            meaning="check a data set and write a report: data=FILE [task= out=REPORT.html]",
            settings=CheckSettings,
        ),
        Special(
            name="convert",
            meaning="convert annotations: source=PATH out=FOLDER [form= to= task= names= images= pictures=]",
            settings=ConvertSettings,
        ),
        Special(
            name="merge_kpt_seg",
            meaning="merge keypoint and segment labels: kpt=FOLDER seg=FOLDER out=FOLDER [kpt_shape= iou= layout=]",
            settings=MergeSettings,
        ),
        Special(
            name="merge_weights",
            meaning="put a pose and a segment network together: kpt=FILE seg=FILE out=FILE [body=pose or segment]",
            settings=MergeWeightsSettings,
        ),
    )
}
