"""Pose models: new ones, and those that start from the weights of others."""

from dataclasses import replace

from posekit.errors import CheckpointError, SettingError
from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.initial import set_initial_weights
from posekit.models.rfdetr.loading import build_network, start_from_file
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.recognise import Layout, recognise
from posekit.models.rfdetr.sizes import BASE
from posekit.models.rfdetr.weights_file import WeightsFile
from posekit.schema import KeypointSchema


def new_pose_model(architecture: Architecture, schema: KeypointSchema, names: dict[int, str]) -> RFDETRModel:
    """Return a pose model with random weights."""
    # One row more than classes, as in the published files; no object ever has it.
    layout = Layout(architecture=architecture, class_rows=max(names) + 2, keypoints=schema.count)
    network = build_network(layout)
    set_initial_weights(network)
    return RFDETRModel(network=network, layout=layout, names=names, schema=schema)


def start_pose_model(
    file: WeightsFile, architecture: Architecture, schema: KeypointSchema, names: dict[int, str]
) -> RFDETRModel:
    """Return a pose model with the weights of a detector or of another pose model; what that lacks is new.

    Raises:
        CheckpointError: the file holds a network of another kind, width or depth of backbone.
    """
    model = new_pose_model(architecture, schema, names)
    start_from_file(model.network, model.layout, file)
    return model


def check_same_size(file: WeightsFile, architecture: Architecture) -> None:
    """Refuse a pose network of another size: it would give other results than in its own.

    Raises:
        CheckpointError: its decoder has other layers.
    """
    found = recognise(file.state, file.options, file.path).architecture
    if found.decoder_layers != architecture.decoder_layers:
        raise CheckpointError(
            f"{file.path}: the pose network has {found.decoder_layers} decoder layers, but "
            f"{architecture.decoder_layers} were asked for: choose the class of its size"
        )


def at_resolution(architecture: Architecture, resolution: int) -> Architecture:
    """Return an architecture for inputs of another size.

    Raises:
        SettingError: the side is no multiple of what patches and windows need.
    """
    if resolution < 1 or resolution % architecture.stride:
        raise SettingError(f"resolution={resolution} must be a multiple of {architecture.stride}")
    is_base = architecture.patch_size == BASE.patch_size
    grid = architecture.position_grid if is_base else resolution // architecture.patch_size
    return replace(architecture, resolution=resolution, position_grid=grid)
