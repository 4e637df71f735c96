"""Opens models by name, of whatever family: definitions are built, weights are found and read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.checkpoint.weights import locate_weights
from posekit.config.user import load_user_settings
from posekit.errors import CheckpointError
from posekit.models.contract import Network
from posekit.models.rfdetr import family as rfdetr
from posekit.models.yolo import family as yolo

DEFINITION_SUFFIXES: Final = (".yaml", ".yml")
WEIGHT_SUFFIXES: Final = (".pt", ".pth", ".safetensors")
# Each has `build(definition)` and `load(checkpoint)`, which give a `Network`, or None for what is another family's.
# The last one takes every definition and every checkpoint that is no other family's.
FAMILIES: Final = (rfdetr, yolo)


@dataclass(frozen=True, kw_only=True)
class OpenModel:
    """A network with what is known of its weights.

    Attributes:
        loaded: the network.
        checkpoint: the file that it came from; None for a definition.
        trained: whether its weights are worth starting a training from; random ones are not.
    """

    loaded: Network
    checkpoint: Checkpoint | None
    trained: bool

    @property
    def path(self) -> str | None:
        """The weight file; None for a definition."""
        return self.checkpoint.path if self.checkpoint else None


def open_model(name: str) -> OpenModel:
    """Open weights (``yolo11n-pose.pt``, a path, a bare stem) or a definition (``yolo11n-pose.yaml``).

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        ModelNotFoundError: no such definition.
        ModelDefinitionError: the definition is wrong.
        CheckpointError: the file is damaged, unsafe, or of a kind that posekit does not read.
    """
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
