"""Opens exported files: which file or folder is of which format, and what it says of itself."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from posekit.errors import CheckpointError
from posekit.log import LOGGER
from posekit.models.exported.facts import Facts, of_texts
from posekit.models.exported.metadata import read_texts
from posekit.schema.schema import KeypointSchema

if TYPE_CHECKING:
    import torch

    from posekit.config.settings import PredictSettings, ValSettings
    from posekit.models.exported.model import ExportedModel

# How the names of files and folders end, by format; longer endings first.
ENDINGS: Final = {
    "_edgetpu.tflite": "edgetpu",
    "_openvino_model": "openvino",
    "_saved_model": "saved_model",
    "_paddle_model": "paddle",
    "_ncnn_model": "ncnn",
    "_web_model": "tfjs",
    ".torchscript": "torchscript",
    ".mlpackage": "coreml",
    ".tflite": "tflite",
    ".engine": "engine",
    ".onnx": "onnx",
    ".pb": "pb",
}


def format_of(name: str | Path) -> str | None:
    """Return the format that the name of a file or folder tells; None for other names."""
    text = str(name).rstrip("/\\").lower()
    return next((made for ending, made in ENDINGS.items() if text.endswith(ending)), None)


@dataclass(kw_only=True)
class Exported:
    """An exported file: what it says of itself is read, and its runtime is started when it is used.

    Attributes:
        path: of the file or folder.
        format: which format it has.
        facts: what it says of itself.
        settings: settings that are remembered: its input size.
    """

    path: Path
    format: str
    facts: Facts
    settings: dict[str, Any] = field(default_factory=dict)
    _model: "ExportedModel | None" = field(default=None, init=False, repr=False, compare=False)
    _device: Any = field(default=None, init=False, repr=False, compare=False)

    @property
    def task(self) -> str:
        """detect, segment, pose or multitask."""
        return self.facts.task

    @property
    def names(self) -> dict[int, str]:
        """Class names by index."""
        return self.facts.names

    @property
    def schema(self) -> KeypointSchema | None:
        """The keypoints; None without."""
        return self.facts.schema

    @property
    def license(self) -> str | None:
        """Licence of the weights; None when unknown."""
        return self.facts.license

    def ready(self, settings: "PredictSettings | ValSettings", device: "torch.device") -> "ExportedModel":
        """Return the file, loaded by its runtime on a device; the same model for the same device.

        Raises:
            MissingExtraError: the runtime is not installed; the message names the extra that brings it.
            CheckpointError: the runtime does not take the file.
            SettingError: the runtime cannot use the device.
        """
        from posekit.models.exported.model import ExportedModel
        from posekit.models.exported.sessions import SESSIONS

        if self._model is None or self._device != device:
            if self.format not in SESSIONS:
                raise CheckpointError(f"{self.path}: {self.format} files are not run by posekit, only written")
            session = SESSIONS[self.format](self.path, self.facts, device)
            LOGGER.info("%s runs by %s", self.path, session.provider)
            self._model, self._device = ExportedModel(self.facts, session, str(self.path)), device
        return self._model


def open_exported(path: Path, task: str | None = None) -> Exported:
    """Open an exported file or folder, of posekit or of another program.

    Args:
        path: file or folder; its name tells the format.
        task: what the user holds the task for, where a file of another program does not say it.

    Raises:
        CheckpointError: there is none, it is damaged, or it does not say what running it takes; the message names it.
    """
    found = format_of(path)
    if found is None or not path.exists():
        raise CheckpointError(f"{path} does not exist: export a model, or name the file or folder as export named it")
    texts = read_texts(path)
    facts = of_texts(texts, str(path))
    if facts is None:
        from posekit.models.exported.foreign import foreign_facts

        facts = foreign_facts(path, found, texts, task)
    return Exported(path=path, format=found, facts=facts)
