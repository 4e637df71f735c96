"""Opens exported files: which file or folder is of which format, and what it says of itself."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from posekit.errors import CheckpointError, SettingError
from posekit.log import LOGGER
from posekit.models.exported.facts import Facts, of_texts
from posekit.models.exported.metadata import read_texts
from posekit.schema.schema import KeypointSchema

if TYPE_CHECKING:
    import torch

    from posekit.config.settings import PredictSettings, ValSettings
    from posekit.models.exported.model import ExportedModel
    from posekit.models.exported.sessions import Session

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
    """

    path: Path
    format: str
    facts: Facts
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
    def settings(self) -> dict[str, Any]:
        """Settings that are remembered: none, as the file itself knows its input size."""
        return {}

    @property
    def license(self) -> str | None:
        """Licence of the weights; None when unknown."""
        return self.facts.license

    def describe(self) -> dict[str, Any]:
        """Return what ``posekit info`` says of it, by the names of its lines."""
        facts = self.facts
        size = f"{facts.imgsz[0]}x{facts.imgsz[1]}"
        return {
            "format": self.format,
            "exported by": f"posekit {facts.version}" if facts.version else "another program",
            "precision": f"{facts.precision} bits",
            "input size": f"any, made at {size}" if facts.dynamic and facts.layout != "queries" else size,
            "batch": "any" if facts.dynamic else facts.batch,
            "outputs": f"{', '.join(facts.outputs)} ({facts.layout}, {facts.unit})",
        }

    def ready(self, settings: "PredictSettings | ValSettings", device: "torch.device") -> "ExportedModel":
        """Return the file, loaded by its runtime on a device; the same model for the same device.

        Raises:
            MissingExtraError: the runtime is not installed; the message names the extra that brings it.
            CheckpointError: the runtime does not take the file.
            SettingError: the runtime cannot use the device.
        """
        from posekit.models.exported.model import ExportedModel

        if self._model is None or self._device != (settings.device, device):
            session = self._session(device, chosen=settings.device is not None)
            LOGGER.info("%s runs by %s", self.path, session.provider)
            self._model, self._device = ExportedModel(self.facts, session, str(self.path)), (settings.device, device)
        return self._model

    def _session(self, device: "torch.device", *, chosen: bool) -> "Session":
        """Load the file on a device that the user has chosen, or else on the best that its runtime can use."""
        import torch

        from posekit.models.exported.sessions import SESSIONS

        if self.format not in SESSIONS:
            raise CheckpointError(f"{self.path}: {self.format} files are not run by posekit, only written")
        try:
            return SESSIONS[self.format](self.path, self.facts, device)
        except SettingError:
            if chosen or device.type == "cpu":
                raise
            return SESSIONS[self.format](self.path, self.facts, torch.device("cpu"))


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
