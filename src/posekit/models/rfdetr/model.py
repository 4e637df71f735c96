"""An RF-DETR network with what is known of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posekit.checkpoint.contents import Checkpoint
from posekit.errors import CheckpointError
from posekit.models.remembered import remembered_settings
from posekit.models.rfdetr.definition import from_definition, to_definition
from posekit.models.rfdetr.loading import AnyNetwork, build_network, fill_network, network_from_file
from posekit.models.rfdetr.names import class_names, point_schema
from posekit.models.rfdetr.recognise import Layout
from posekit.models.rfdetr.weights_file import WeightsFile
from posekit.schema import KeypointSchema


@dataclass(kw_only=True)
class RFDETRModel:
    """A network and what its file says about it.

    Attributes:
        network: in evaluation mode.
        layout: what it was built from.
        names: class names by index; class rows without a name are never reported.
        schema: its keypoints; None without.
        settings: training settings that are remembered (see `models.remembered`).
        license: licence of the weights; None when unknown.
    """

    network: AnyNetwork
    layout: Layout
    names: dict[int, str]
    schema: KeypointSchema | None
    settings: dict[str, Any] = field(default_factory=dict)
    license: str | None = None

    @property
    def task(self) -> str:
        """Pose with keypoints, else detect."""
        return "detect" if self.schema is None else "pose"


def model_from_file(file: WeightsFile) -> RFDETRModel:
    """Return the model that a file of the reference implementation holds.

    Raises:
        CheckpointError: the file holds another kind of network, or not all of one.
    """
    network, layout = network_from_file(file)
    return RFDETRModel(
        network=network,
        layout=layout,
        names=class_names(layout, file.options),
        schema=point_schema(layout, file.options),
    )


def model_from_checkpoint(checkpoint: Checkpoint) -> RFDETRModel:
    """Return the model that one of our own files holds.

    Raises:
        CheckpointError: weights and definition do not fit together.
        ModelDefinitionError: the definition is damaged.
    """
    layout = from_definition(checkpoint.definition, checkpoint.path)
    network = build_network(layout)
    missing = fill_network(network, checkpoint.state, checkpoint.path)
    if missing:
        raise CheckpointError(f"{checkpoint.path}: the weights are incomplete: {missing[0]} is missing")
    return RFDETRModel(
        network=network,
        layout=layout,
        names=dict(checkpoint.names),
        schema=checkpoint.schema,
        settings=remembered_settings(checkpoint),
        license=checkpoint.license,
    )


def contents_of(model: RFDETRModel, path: str | Path) -> Checkpoint:
    """Return what a checkpoint of this model holds, to be saved under `path`."""
    return Checkpoint(
        path=str(path),
        state={name: tensor.detach().cpu() for name, tensor in model.network.state_dict().items()},
        task=model.task,
        definition=to_definition(model.layout),
        names=dict(model.names),
        schema=model.schema,
        settings=dict(model.settings),
        license=model.license,
    )
