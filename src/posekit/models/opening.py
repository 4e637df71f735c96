"""Opens models by name, of whatever family: definitions are built, weights are found and read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.checkpoint.weights import locate_weights
from posekit.config.user import load_user_settings
from posekit.errors import CheckpointError, ExportedModelError
from posekit.models.contract import Network
from posekit.models.exported.open import Exported, format_of, open_exported
from posekit.models.rfdetr import family as rfdetr
from posekit.models.yolo import family as yolo

DEFINITION_SUFFIXES: Final = (".yaml", ".yml")
WEIGHT_SUFFIXES: Final = (".pt", ".pth", ".safetensors")
# Each has `build(definition)` and `load(checkpoint)`, which give a `Network`, or None for what is another family's.
# The last one takes every definition and every checkpoint that is no other family's.
FAMILIES: Final = (rfdetr, yolo)


@dataclass(frozen=True, kw_only=True)
class OpenModel:
    """A network, or an exported file, with what is known of its weights.

    Attributes:
        loaded: the network or the file.
        checkpoint: the weight file that it came from; None for a definition and for an exported file.
        trained: whether its weights are worth starting a training from; random ones are not.
    """

    loaded: Network | Exported
    checkpoint: Checkpoint | None
    trained: bool

    @property
    def path(self) -> str | None:
        """The weight file or the exported file; None for a definition."""
        if isinstance(self.loaded, Exported):
            return str(self.loaded.path)
        return self.checkpoint.path if self.checkpoint else None

    def network_for(self, what: str) -> Network:
        """Return the network.

        Raises:
            ExportedModelError: this is an exported file; `what` it is wanted for begins the message.
        """
        if isinstance(self.loaded, Exported):
            raise ExportedModelError(
                f"{what} takes a network in PyTorch: {self.loaded.path} predicts and validates; "
                "take the .pt file that it was exported from"
            )
        return self.loaded


def open_model(name: str, task: str | None = None) -> OpenModel:
    """Open weights, a definition, or an exported file or folder.

    Args:
        name: weights (``yolo11n-pose.pt``, a path, a bare stem), a definition (``yolo11n-pose.yaml``), or what
            `export` wrote (``yolo11n-pose.onnx``, ``yolo11n-pose_openvino_model``).
        task: of an exported file that does not say it itself.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        ModelNotFoundError: no such definition.
        ModelDefinitionError: the definition is wrong.
        CheckpointError: the file is damaged, unsafe, or of a kind that posekit does not read.
    """
    if format_of(name) is not None:
        return OpenModel(loaded=open_exported(Path(name), task), checkpoint=None, trained=False)
    if Path(name).suffix.lower() not in DEFINITION_SUFFIXES:
        return open_weights(name)
    built = (family.build(name) for family in FAMILIES)
    return OpenModel(loaded=next(network for network in built if network), checkpoint=None, trained=False)


def open_weights(name: str) -> OpenModel:
    """Open a weight file by name; it is looked for in the user's weights folder, too.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or of a kind that posekit does not read.
    """
    suffix = Path(name).suffix.lower()
    if format_of(name) is not None:
        raise CheckpointError(f"{name}: this is an exported file, which holds no weights to start from: name its .pt")
    if suffix and suffix not in WEIGHT_SUFFIXES and Path(name).exists():
        known = ", ".join((*WEIGHT_SUFFIXES, *DEFINITION_SUFFIXES))
        raise CheckpointError(f"{name}: this release reads models ending in {known}")
    path = locate_weights(name, weights_dir=Path(load_user_settings().weights_dir))
    if path.suffix.lower() == rfdetr.REFERENCE_SUFFIX:
        network: Network = rfdetr.load_reference(path)
        return OpenModel(loaded=network, checkpoint=network.contents(path), trained=True)
    checkpoint = read_checkpoint(path)
    loaded = (family.load(checkpoint) for family in FAMILIES)
    return OpenModel(loaded=next(network for network in loaded if network), checkpoint=checkpoint, trained=True)
