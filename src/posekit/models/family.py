"""What a family of networks offers to those who open models by name: `YOLO`, trainer classes, the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import nn

from posekit.checkpoint.contents import Checkpoint
from posekit.config.predict import PredictSettings
from posekit.config.train import TrainSettings
from posekit.config.val import ValSettings
from posekit.models.contract import InferenceModel, TrainableModel, ValidationModel
from posekit.models.cost import NetworkCost
from posekit.schema import KeypointSchema


class KnownNetwork(Protocol):
    """A network of some family, and what its file says about it.

    Attributes:
        schema: its keypoints; None without.
        settings: training settings that are remembered.
        license: licence of the weights; None when unknown.
    """

    schema: KeypointSchema | None
    settings: dict[str, Any]
    license: str | None

    @property
    def network(self) -> nn.Module:
        """The network, in evaluation mode."""
        ...

    @property
    def task(self) -> str:
        """detect, segment, pose or multitask."""
        ...

    @property
    def names(self) -> dict[int, str]:
        """Class names by index."""
        ...


Model = TypeVar("Model", bound=KnownNetwork)
Kept = TypeVar("Kept", bound=KnownNetwork, contravariant=True)


class ReadyModel(Protocol[Kept]):
    """Keeps a model ready to predict for as long as nothing that matters has changed."""

    def inference(self, model: Kept, settings: PredictSettings, device: torch.device) -> InferenceModel:
        """Return the model ready to predict."""
        ...

    def validation(self, model: Kept, settings: ValSettings, device: torch.device) -> ValidationModel:
        """Return the model ready to be measured."""
        ...


class Family(Protocol[Model]):
    """Everything that differs between families.

    Attributes:
        name: for messages.
    """

    name: str

    def build(self, definition: str) -> Model | None:
        """Return a network with random weights for a definition; None when that is of another family."""
        ...

    def read_reference(self, path: Path) -> Checkpoint | None:
        """Return what a file holds that only this family can read; None for other files."""
        ...

    def owns(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint holds a network of this family."""
        ...

    def load(self, checkpoint: Checkpoint) -> Model:
        """Return the model of a checkpoint of this family."""
        ...

    def contents(self, model: Model, path: str | Path) -> Checkpoint:
        """Return what a checkpoint of a model holds, to be saved under `path`."""
        ...

    def ready(self) -> ReadyModel[Model]:
        """Return what keeps a model ready."""
        ...

    def training_settings(self, model: Model, imgsz: int | None) -> Mapping[str, Any]:
        """Return values of training settings that the user has not set, for an input size in pixels."""
        ...

    def for_dataset(
        self,
        model: Model,
        *,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        pretrained: KnownNetwork | None,
        settings: TrainSettings,
    ) -> TrainableModel:
        """Return a network like that of `model` for the classes and keypoints of a data set.

        Args:
            model: whose layers it has.
            names: class names of the data set.
            schema: its keypoints; None without.
            pretrained: whose weights are taken over where they fit; None starts from fresh ones.
            settings: of the training.
        """
        ...

    def trainable(
        self,
        network: nn.Module,
        like: Model,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        license: str | None,
    ) -> TrainableModel:
        """Return a network of this family, for the classes and keypoints named, as one that can be trained.

        Args:
            network: for instance one that a subclass of a trainer has made.
            like: whose remembered settings are kept.
            names: class names.
            schema: the keypoints; None without.
            license: of the weights that it started from.
        """
        ...

    def copy_matching(self, target: Model, source: KnownNetwork) -> tuple[int, int]:
        """Copy the weights whose name and shape match; return how many did, of how many."""
        ...

    def renew(self, model: Model) -> None:
        """Give every weight a fresh random value."""
        ...

    def fuse(self, model: Model, *, one2one: bool) -> None:
        """Fold what can be folded into fewer operations."""
        ...

    def last_map(self, model: Model) -> int:
        """Return the number of the map that feature vectors are taken from when none is named."""
        ...

    def cost(self, model: Model, size: tuple[int, int]) -> NetworkCost:
        """Return parameters and arithmetic for inputs of (H, W) pixels."""
        ...

    def facts(self, model: Model) -> Mapping[str, Any]:
        """Return what ``posekit info`` says of the network, by the names of its lines."""
        ...


@dataclass(frozen=True, kw_only=True)
class OpenModel(Generic[Model]):
    """A model with what is known of its weights.

    Attributes:
        loaded: the network.
        family: that it is of.
        checkpoint: the file that it came from; None for a definition.
        trained: whether its weights are worth starting a training from; random ones are not.
    """

    loaded: Model
    family: Family[Model]
    checkpoint: Checkpoint | None
    trained: bool

    @property
    def path(self) -> str | None:
        """The weight file; None for a definition."""
        return self.checkpoint.path if self.checkpoint else None
