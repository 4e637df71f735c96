"""Opens YOLO models by name: definitions are built, weights are found and read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.locate import locate_weights
from posekit.checkpoint.read import read_checkpoint
from posekit.config.user_settings import load_user_settings
from posekit.errors import CheckpointError
from posekit.models.yolo.loading import LoadedModel, build_model, load_model

DEFINITION_SUFFIXES: Final = (".yaml", ".yml")
WEIGHT_SUFFIXES: Final = (".pt", ".pth", ".safetensors")


@dataclass(frozen=True, kw_only=True)
class OpenModel:
    """A model with what is known of its weights.

    Attributes:
        loaded: the network.
        checkpoint: the file that it came from; None for a definition.
        trained: whether its weights are worth starting a training from; random ones are not.
    """

    loaded: LoadedModel
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
    if Path(name).suffix.lower() in DEFINITION_SUFFIXES:
        return OpenModel(loaded=build_model(name), checkpoint=None, trained=False)
    checkpoint = read_weights(name)
    return OpenModel(loaded=load_model(checkpoint), checkpoint=checkpoint, trained=True)


def read_weights(name: str) -> Checkpoint:
    """Find a weight file by name, in the user's weights folder too, and read it.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or of a kind that posekit does not read.
    """
    suffix = Path(name).suffix.lower()
    if suffix and suffix not in WEIGHT_SUFFIXES and Path(name).exists():
        known = ", ".join((*WEIGHT_SUFFIXES, *DEFINITION_SUFFIXES))
        raise CheckpointError(f"{name}: this release reads models ending in {known}")
    return read_checkpoint(locate_weights(name, weights_dir=Path(load_user_settings().weights_dir)))
