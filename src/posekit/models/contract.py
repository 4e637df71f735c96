"""What the house asks of networks, and of files that run like one: read this page before any family.

`open_model` gives a `Network`. `Network.ready` makes a `Model` of it: that is all that prediction and validation know.
`Network.trainable` makes a `Trainable`: all that training knows. What implements these says only what is special.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import DetectionSettings, ExportSettings, PredictSettings, TrainSettings, ValSettings
from posekit.models.exported.facts import Dialect, Facts
from posekit.placing import Placing
from posekit.results.detected import Detected
from posekit.sample import Batch, Targets
from posekit.schema.schema import KeypointSchema

if TYPE_CHECKING:
    from posekit.augment.warps import Crops

# At which size masks are wanted: that of the network's prototypes, of its input, or of the original picture.
MaskSize: TypeAlias = Literal["prototypes", "input", "original"]
AnySettings = TypeVar("AnySettings", PredictSettings, ValSettings)


class Model(Protocol):
    """A network on a device, or an exported file: ready to predict and to be measured.

    Attributes:
        task: detect, segment, pose or multitask.
        names: class names by index.
        schema: the keypoints; None without.
        placing: how pictures come into its input.
        imgsz: (H, W) or side of the input, in pixels, where the settings say nothing.
        device: where it computes.
    """

    task: str
    names: dict[int, str]
    schema: KeypointSchema | None
    placing: Placing
    imgsz: int | tuple[int, int]
    device: torch.device

    def adapt(self, settings: AnySettings) -> AnySettings:
        """Return the settings as this model can follow them, with a possible `imgsz`: (H, W), for validation a side.

        A warning tells once of each thing that it cannot do.
        """
        ...

    def run(self, batch: Batch, settings: DetectionSettings) -> Any:
        """Return the outputs of all branches; a criterion of the same family can be given them, too."""
        ...

    def detect(
        self, outputs: Any, batch: Batch, settings: DetectionSettings, masks: MaskSize
    ) -> list[Detected[Tensor]]:
        """Return the detections of each picture, best first, in pixels of the network input and not clipped.

        For validation (`ValSettings`) one place may be several classes at once. Masks are there where the network has
        any, cropped to the boxes.
        """
        ...


class Inside(Protocol):
    """A model that can be looked into: what networks have and exported files lack."""

    def feature_maps(self, batch: Batch) -> dict[str, Tensor]:
        """Return what every layer but the head gives, (B, C, H, W), by a name for files."""
        ...

    def embed(self, batch: Batch, layers: list[int]) -> list[Tensor]:
        """Return one feature vector (C,) per picture: the means of the maps of these numbers, joined.

        Raises:
            SettingError: there is no map of such a number.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class RateRule:
    """How fast some parameters learn.

    Attributes:
        prefix: of their full names; "" fits all.
        factor: their learning rate relative to that of the run.
        undecayed: parts of names; parameters with one of them have no weight decay.
    """

    prefix: str
    factor: float = 1.0
    undecayed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training does that no setting says.

    Attributes:
        rates: the first rule that fits a parameter counts; none: by the kind of the parameter, see
            `posekit.engine.optimizer`.
        fast_parameters: full names of parameters that MuSGD moves faster.
        largest_gradient: norm of all gradients together beyond which they are shortened.
        average_decay: share of the average of weights that late steps keep.
        average_ramp: steps over which that share grows.
        averages_batches: whether the gradients of the batches of a step are averaged instead of summed.
        crops: how pictures are cropped before they are stretched to squares; None where they are letterboxed.
    """

    rates: Sequence[RateRule] = ()
    fast_parameters: Collection[str] = ()
    largest_gradient: float = 10.0
    average_decay: float = 0.9999
    average_ramp: float = 2000.0
    averages_batches: bool = False
    crops: "Crops | None" = None


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What a criterion says of one batch of B pictures.

    Attributes:
        total: (T,) terms times their gains; their sum is what is minimised. It is times B, too, where gradients of
            batches are summed (see `Recipe.averages_batches`).
        items: the terms times their gains, without B and detached, by name, in the order of result files.
    """

    total: Tensor
    items: dict[str, Tensor]


class Criterion(Protocol):
    """Scores the training outputs of a network."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the items, in the order of result files."""
        ...

    def __call__(self, outputs: Any, targets: Targets) -> Losses:
        """Return the losses of a batch.

        Every parameter that is trained gets a gradient, if only of zeros, from a batch without objects or keypoints,
        too: several processes wait for each.
        """
        ...

    def end_epoch(self, epochs: int) -> None:
        """Move schedules inside the criterion on by one epoch of a run of `epochs`."""
        ...

    def advance_to(self, epoch: int, epochs: int) -> None:
        """Set schedules inside the criterion for an epoch (from 0) of a run of `epochs`."""
        ...


class Trainable(Protocol):
    """A network for the classes and keypoints of a data set, with what training needs to know of it.

    Attributes:
        task, names, schema, placing: as of a `Model`.
        recipe: what its training does that no setting says.
    """

    task: str
    names: dict[int, str]
    schema: KeypointSchema | None
    placing: Placing
    recipe: Recipe

    @property
    def network(self) -> nn.Module:
        """The weights in 32 bits, to be trained in place."""
        ...

    def criterion(self, settings: TrainSettings, sigmas: Sequence[float] | None, class_counts: Tensor) -> Criterion:
        """Return what scores the outputs of `network`; `class_counts` (nc,) are labelled objects per class."""
        ...

    def freeze(self, layers: int | Sequence[int | str] | None) -> None:
        """Turn off the gradients of some layers, and turn on all others.

        Raises:
            SettingError: there is no such layer, or nothing would be left to train.
        """
        ...

    def train(self) -> None:
        """Put `network` into training mode, but for the statistics of frozen layers."""
        ...

    def validation(self, network: nn.Module, device: torch.device, settings: ValSettings) -> Model:
        """Return a network of the same kind, such as an average, as a model: as it is, not copied and not fused."""
        ...

    def checkpoint(self, network: nn.Module, path: str, settings: Mapping[str, Any]) -> Checkpoint:
        """Return what a file of a network of the same kind holds."""
        ...


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """What a network costs.

    Attributes:
        layers: modules without children, shared ones counted once.
        parameters: all parameters, fixed ones included.
        gradients: parameters that training changes.
        gflops: billions of operations for one picture; a multiply-add counts two.
    """

    layers: int
    parameters: int
    gradients: int
    gflops: float

    @classmethod
    def of(cls, network: nn.Module, operations: float) -> "NetworkCost":
        """Return the cost of a network that takes so many operations for one picture."""
        return cls(
            layers=sum(1 for module in network.modules() if not list(module.children())),
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            gradients=sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
            gflops=operations / 1e9,
        )


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A network ready to be traced, and what its file has to say.

    Attributes:
        module: maps RGB pictures (B, 3, H, W) float32 in [0, 1] to a tuple of float32 tensors, the outputs that `facts`
            names; in evaluation mode, without gradients, on the device of the settings, sharing nothing with the
            network that it was made of. With 16 bits it computes in them and decodes in 32.
        facts: of the file.
    """

    module: nn.Module
    facts: Facts


class Network(Protocol):
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
        """The network itself, in evaluation mode."""
        ...

    @property
    def task(self) -> str:
        """detect, segment, pose or multitask."""
        ...

    @property
    def names(self) -> dict[int, str]:
        """Class names by index."""
        ...

    @property
    def last_map(self) -> int:
        """Number of the map that feature vectors are taken from when none is named."""
        ...

    def ready(self, settings: PredictSettings | ValSettings, device: torch.device) -> Model:
        """Return the network on a device; the same model for as long as nothing that matters to it has changed.

        Raises:
            SettingError: the settings ask for branches that it lacks.
        """
        ...

    def training_settings(self, imgsz: int | None) -> Mapping[str, Any]:
        """Return values of training settings that the user has not set, for an input size in pixels."""
        ...

    def trainable(
        self,
        *,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        pretrained: "Network | None",
        settings: TrainSettings,
    ) -> Trainable:
        """Return a new network with the layers of this one, for the classes and keypoints of a data set.

        Weights of `pretrained` are taken over where they fit; None starts from fresh ones.

        Raises:
            SettingError: `pretrained` is of another family.
        """
        ...

    def as_trainable(
        self, network: nn.Module, names: Mapping[int, str], schema: KeypointSchema | None, license: str | None
    ) -> Trainable:
        """Return a network of this family, such as one that a subclass of a trainer has made, as one to be trained."""
        ...

    def contents(self, path: str | Path) -> Checkpoint:
        """Return what a checkpoint of it holds, to be saved under `path`."""
        ...

    def copy_matching(self, source: "Network") -> tuple[int, int]:
        """Copy the weights whose name and shape match; return how many did, of how many.

        Raises:
            SettingError: `source` is of another family.
        """
        ...

    def renew(self) -> None:
        """Give every weight a fresh random value."""
        ...

    def fuse(self, *, one2one: bool) -> None:
        """Fold what can be folded into fewer operations, for the branches named where there are two sets."""
        ...

    def cost(self, size: tuple[int, int]) -> NetworkCost:
        """Return parameters and arithmetic for inputs of (H, W) pixels."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Return what ``posekit info`` says of it, by the names of its lines."""
        ...

    def deployed(self, settings: ExportSettings, dialect: Dialect) -> Deployed:
        """Return a copy of the network for a file of a format whose graphs can hold so much.

        Raises:
            SettingError: the settings ask for what it cannot do.
        """
        ...
