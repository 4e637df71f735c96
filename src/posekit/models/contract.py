"""What a model family (or the runtime of an exported file) offers to the engine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from posekit.augment.warps import Crops
from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import DetectionSettings, PredictSettings, TrainSettings, ValSettings
from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.ops.letterbox import BatchPlan
from posekit.results.results import Results
from posekit.sample import Batch, Sample, Targets
from posekit.schema.schema import KeypointSchema


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
        settings: values of settings that the user has not set.
        rates: the first rule that fits a parameter counts; none: by the kind of the parameter, see
            `engine.optim.groups`.
        largest_gradient: norm of all gradients together beyond which they are shortened.
        average_decay: share of the average of weights that late steps keep.
        average_ramp: steps over which that share grows.
        averages_batches: whether the gradients of the batches of a step are averaged instead of summed.
        crops: how pictures are cropped before they are stretched to squares; None where they are letterboxed.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    rates: Sequence[RateRule] = ()
    largest_gradient: float = 10.0
    average_decay: float = 0.9999
    average_ramp: float = 2000.0
    averages_batches: bool = False
    crops: Crops | None = None


@dataclass(frozen=True, kw_only=True)
class Detected:
    """The n detections of one picture, best first, in pixels of the network input and not clipped.

    Attributes:
        boxes: (n, 4) corners x1 y1 x2 y2.
        scores: (n,) in 0 ... 1.
        classes: (n,) int64.
        keypoints: (n, K, 2 or 3) x, y [confidence]; None when the network has none.
        masks: (n, h, w) uint8, 0 or 1; None when the network has none.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    keypoints: Tensor | None = None
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.scores)


class InferenceModel(Protocol):
    """A model that is ready to predict: prepare, run, decode.

    Attributes:
        task: detect, segment, pose or multitask.
        names: class names by index.
        schema: the keypoints; None without.
    """

    task: str
    names: dict[int, str]
    schema: KeypointSchema | None

    def adapt(self, settings: PredictSettings) -> PredictSettings:
        """Return the settings as this model can follow them; a warning tells of each that it cannot."""
        ...

    def prepare(self, samples: list[Sample], settings: PredictSettings) -> Batch:
        """Place pictures into one network input; may run in a background thread."""
        ...

    def run(self, batch: Batch, settings: DetectionSettings) -> Any:
        """Return the network's outputs for a batch."""
        ...

    def decode(self, outputs: Any, batch: Batch, settings: PredictSettings) -> list[Results]:
        """Return one `Results` per picture, in pixels of the original pictures."""
        ...

    def feature_maps(self, batch: Batch) -> dict[str, Tensor]:
        """Return what every layer but the head gives, (B, C, H, W), by a name for files."""
        ...

    def embed(self, batch: Batch, layers: list[int]) -> list[Tensor]:
        """Return one feature vector (C,) per picture: the mean of the named layers' maps, joined."""
        ...


class ValidationModel(Protocol):
    """A model that can be measured against labelled pictures.

    Attributes:
        task: detect, segment, pose or multitask.
        names: class names by index.
        schema: the keypoints; None without.
        device: where it computes.
    """

    task: str
    names: dict[int, str]
    schema: KeypointSchema | None
    device: torch.device

    def adapt_val(self, settings: ValSettings) -> ValSettings:
        """Return the settings as this model can follow them; a warning tells of each that it cannot."""
        ...

    def plan(self, sizes: Sequence[tuple[int, int]], settings: ValSettings) -> list[BatchPlan]:
        """Return which of the pictures of sizes (h, w) go together, and into what input size."""
        ...

    def load_size(self, size: tuple[int, int], settings: ValSettings) -> tuple[int, int]:
        """Return the (h, w) that a picture of a size is resized to when it is read."""
        ...

    def place(self, samples: list[Sample], shape: tuple[int, int]) -> Batch:
        """Place pictures that have their load size into one input (H, W); may run in a background thread."""
        ...

    def run(self, batch: Batch, settings: DetectionSettings) -> Any:
        """Return the network's outputs for a batch."""
        ...

    def detect(self, outputs: Any, batch: Batch, settings: ValSettings, mask_size: tuple[int, int]) -> list[Detected]:
        """Return the detections of each picture, with masks of (h, w) where the network has them."""
        ...


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


class TrainableModel(Protocol):
    """A network of a family, with what training needs to know of it.

    Attributes:
        task: detect, segment, pose or multitask.
        names: class names by index.
        schema: the keypoints; None without.
        stride: inputs are multiples of it.
        recipe: what its training does that no setting says.
    """

    task: str
    names: dict[int, str]
    schema: KeypointSchema | None
    stride: int
    recipe: Recipe

    @property
    def network(self) -> nn.Module:
        """The weights in 32 bits, to be trained in place."""
        ...

    def criterion(self, settings: TrainSettings, sigmas: Sequence[float] | None, class_counts: Tensor) -> Criterion:
        """Return what scores the outputs of `network`; `class_counts` (nc,) are labelled objects per class."""
        ...

    def boosted(self) -> Collection[str]:
        """Return the full names of parameters that MuSGD moves faster."""
        ...

    def freeze(self, layers: int | Sequence[int | str] | None) -> None:
        """Turn off the gradients of some layers, and turn on all others."""
        ...

    def train(self) -> None:
        """Put `network` into training mode, but for the statistics of frozen layers."""
        ...

    def load_size(self, size: tuple[int, int], imgsz: int) -> tuple[int, int]:
        """Return the (h, w) that a picture of a size is resized to when it is read, for inputs of a side `imgsz`."""
        ...

    def validation(self, network: nn.Module, device: torch.device, settings: ValSettings) -> ValidationModel:
        """Return a network of the same kind, such as an average, as a model that can be measured.

        What `run` of it returns can be given to the criterion, too.
        """
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


def check_val_settings(settings: ValSettings) -> None:
    """Refuse settings that no validation can follow.

    Raises:
        SettingError: ``batch`` is no number of pictures, or ``precision`` is 8 bits.
    """
    if settings.batch < 1 or settings.batch != int(settings.batch):
        raise SettingError(f"batch={settings.batch:g}: give validation a number of pictures, such as batch=16")
    if settings.precision == 8:
        raise SettingError("precision=8: a network in PyTorch is validated in 32 or 16 bits, not in 8")


def warn_of_full_precision(*, wanted_half: bool, is_half: bool) -> None:
    """Say that 16 bits were wanted and are not used."""
    if wanted_half and not is_half:
        LOGGER.warning("half=True: 16-bit arithmetic needs an accelerator; computing in 32 bits on the CPU")
