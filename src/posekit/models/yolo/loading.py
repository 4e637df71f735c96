"""Loads YOLO networks by file or by name, with what is known about them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from posekit.checkpoint.contents import Checkpoint
from posekit.errors import ModelDefinitionError
from posekit.models.remembered import remembered_settings
from posekit.models.yolo.definition import ModelDefinition, parse_definition
from posekit.models.yolo.from_checkpoint import network_from_checkpoint
from posekit.models.yolo.fuse import is_fused
from posekit.models.yolo.network import YoloNetwork
from posekit.models.yolo.presets import stock_definition
from posekit.models.yolo.transfer import transfer_weights
from posekit.schema import KeypointSchema


@dataclass(kw_only=True)
class LoadedModel:
    """A network and what its file says about it.

    Attributes:
        network: the network, in evaluation mode.
        schema: its keypoints; None without.
        settings: training settings that are remembered (see `models.remembered`).
        license: licence of the weights; None when unknown.
    """

    network: YoloNetwork
    schema: KeypointSchema | None
    settings: dict[str, Any] = field(default_factory=dict)
    license: str | None = None

    @property
    def task(self) -> str:
        """detect, segment, pose or multitask."""
        return self.network.task

    @property
    def names(self) -> dict[int, str]:
        """Class names by index."""
        return self.network.names


def build_model(name: str | Path) -> LoadedModel:
    """Build a network with random weights from a YAML file or the name of a stock network.

    Raises:
        ModelNotFoundError: there is no such file or stock network.
        ModelDefinitionError: the definition is wrong.
    """
    definition = parse_definition(_read_definition(Path(name)), name=str(name))
    return LoadedModel(network=YoloNetwork(definition).eval(), schema=_schema_for(definition))


def load_model(checkpoint: Checkpoint) -> LoadedModel:
    """Rebuild the network of a checkpoint.

    Raises:
        CheckpointError: weights and definition do not fit together.
        ModelDefinitionError: the definition names an unknown block.
    """
    network = network_from_checkpoint(checkpoint)
    return LoadedModel(
        network=network,
        schema=checkpoint.schema or _schema_for(network.definition),
        settings=remembered_settings(checkpoint),
        license=checkpoint.license,
    )


def contents_of(model: LoadedModel, path: str | Path) -> Checkpoint:
    """Return what a checkpoint of this model holds, to be saved under `path`."""
    network = model.network
    return Checkpoint(
        path=str(path),
        state={name: tensor.detach().cpu() for name, tensor in network.state_dict().items()},
        task=network.task,
        definition=network.definition.source,
        names=dict(network.names),
        schema=model.schema,
        fused=is_fused(network),
        settings=dict(model.settings),
        license=model.license,
    )


def copy_matching(target: LoadedModel, source: LoadedModel) -> tuple[int, int]:
    """Copy the weights whose name and shape match; return how many did, of how many.

    Class names and keypoints come along where the target has only placeholders for as many.

    Raises:
        CheckpointError: only one of the two networks is fused.
    """
    copied = transfer_weights(target.network, source.network).copied
    if target.network.names == {index: str(index) for index in source.network.names}:
        target.network.names = dict(source.network.names)
    if source.schema and target.schema == KeypointSchema.for_shape(source.schema.shape):
        target.schema = source.schema
    return copied, len(target.network.state_dict())


def _read_definition(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return stock_definition(path.name if path.parent == Path() else str(path))
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ModelDefinitionError(f"{path} is no readable YAML file: {reason}") from error
    if not isinstance(data, dict):
        raise ModelDefinitionError(f"{path} is no model definition: expected keys such as nc, backbone and head")
    return data


def _schema_for(definition: ModelDefinition) -> KeypointSchema | None:
    return KeypointSchema.for_shape(definition.kpt_shape) if definition.kpt_shape else None
