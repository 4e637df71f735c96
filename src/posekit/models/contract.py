"""What a model family (or the runtime of an exported file) offers to the engine."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from posekit.checkpoint.contents import Checkpoint
from posekit.config.predict import PredictSettings
from posekit.config.shared import DetectionSettings
from posekit.config.train import TrainSettings
from posekit.config.val import ValSettings
from posekit.models.recipe import Recipe
from posekit.ops.batch_plan import BatchPlan
from posekit.results import Results
from posekit.sample import Batch, Sample, Targets
from posekit.schema import KeypointSchema


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
