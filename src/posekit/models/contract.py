"""What a model family (or the runtime of an exported file) offers to the engine."""

from typing import Any, Protocol

from torch import Tensor

from posekit.config.predict import PredictSettings
from posekit.results import Results
from posekit.sample import Batch, Sample
from posekit.schema import KeypointSchema


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

    def run(self, batch: Batch, settings: PredictSettings) -> Any:
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
