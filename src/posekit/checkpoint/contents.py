"""What a checkpoint holds, whoever wrote it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from posekit.errors import CheckpointError
from posekit.schema import KeypointSchema

if TYPE_CHECKING:
    from torch import Tensor

MAX_KEYPOINTS = 10_000
"""Most points that a file may declare for one object."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The contents of a weight file: tensors, plain values and the keypoint schema.

    Attributes:
        path: the file it came from, or will go to.
        kind: who wrote it.
        state: tensors by name, in the order of the network; floating ones are float32, others keep
            their dtype. Names are those of the YOLO state dict, "model.<layer>....".
        task: "detect", "segment", "pose" or "multitask"; None when the file does not say.
        definition: the model definition, plain data as in a model YAML; empty when unknown.
        names: class names by index.
        schema: the keypoints; None when the network has none.
        fused: batch norms are folded into the convolutions, so the network can only predict.
        settings: training settings by name, plain values.
        metrics: the numbers of the last validation by name.
        license: licence text of the weights; None when the file does not say.
        metadata: what else is known (date, version, epoch, ...), plain values.
        training: everything needed to resume a run, nested plain values and tensors; empty once
            training is over, and always for foreign files.
    """

    path: str
    kind: Literal["posekit", "foreign"] = "posekit"
    state: "dict[str, Tensor]"
    task: str | None = None
    definition: dict[str, Any] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    schema: KeypointSchema | None = None
    fused: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    license: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)


def checked_shape(count: int, dims: int) -> tuple[int, int]:
    """Return (K, D) unless the file declares an absurd number of points.

    Raises:
        CheckpointError: for more than `MAX_KEYPOINTS` points.
    """
    if count > MAX_KEYPOINTS:
        raise CheckpointError(f"kpt_shape declares more than {MAX_KEYPOINTS} points")
    return count, dims
