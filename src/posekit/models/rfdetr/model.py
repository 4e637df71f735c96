"""An RF-DETR network with what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.checkpoint.weights import locate_weights
from posekit.config.user import load_user_settings
from posekit.errors import CheckpointError, SettingError
from posekit.models.rfdetr.architecture import (
    BASE,
    FAMILY,
    Architecture,
    Layout,
    from_definition,
    recognise,
    to_definition,
)
from posekit.models.rfdetr.network import set_initial_weights
from posekit.models.rfdetr.weights import (
    PERSON,
    AnyNetwork,
    WeightsFile,
    build_network,
    class_names,
    fill_network,
    network_from_file,
    point_schema,
    read_weights_file,
    start_from_file,
)
from posekit.schema.schema import COCO_PERSON, KeypointSchema


@dataclass(kw_only=True)
class RFDETRModel:
    """A network and what its file says about it.

    Attributes:
        network: in evaluation mode.
        layout: what it was built from.
        names: class names by index; class rows without a name are never reported.
        schema: its keypoints; None without.
        settings: training settings that are remembered (see `Checkpoint.remembered`).
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
        settings=checkpoint.remembered(),
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


@dataclass(frozen=True, kw_only=True)
class PoseWish:
    """What a user says of a pose model; None leaves it to the file, or to COCO's person.

    Attributes:
        num_keypoints: K.
        keypoint_names: K names.
        skeleton: limbs as pairs of point indices, from 0.
        num_classes: how many classes there are.
        resolution: side of the network input in pixels.
    """

    num_keypoints: int | None = None
    keypoint_names: Sequence[str] | None = None
    skeleton: Sequence[Sequence[int]] | None = None
    num_classes: int | None = None
    resolution: int | None = None

    def schema(self, known: KeypointSchema) -> KeypointSchema:
        """Return the keypoints wished for.

        Args:
            known: those of the file; kept where nothing else is wished for.

        Raises:
            SchemaError: number, names and skeleton contradict each other.
        """
        schema = self._points(known)
        if self.skeleton is None:
            return schema
        limbs = tuple(tuple(limb) for limb in self.skeleton)
        return replace(schema, skeleton=cast(tuple[tuple[int, int], ...], limbs))  # checked there

    def names(self, known: dict[int, str]) -> dict[int, str]:
        """Return the class names wished for; `known` are those of the file."""
        if self.num_classes in (None, len(known)):
            return known
        return {index: str(index) for index in range(self.num_classes or 0)}

    def _points(self, known: KeypointSchema) -> KeypointSchema:
        names = tuple(self.keypoint_names or known.names)
        count = self.num_keypoints or (len(names) if self.keypoint_names else known.count)
        if self.keypoint_names is None:
            return known if count == known.count else KeypointSchema.for_shape((count, 3))
        return known if (count, names) == (known.count, known.names) else KeypointSchema(shape=(count, 3), names=names)


def pose_model(architecture: Architecture, file: WeightsFile | None, wish: PoseWish) -> RFDETRModel:
    """Return a pose model.

    Args:
        architecture: of its size.
        file: pose weights, detection weights to start training from, or None for random weights.
        wish: what the user says.

    Raises:
        CheckpointError: the file holds a network of another kind or size.
        SchemaError: number, names and skeleton contradict each other.
        SettingError: the resolution is not possible.
    """
    names, schema = {0: PERSON}, COCO_PERSON
    if file is not None:
        layout = recognise(file.state, file.options, file.path)
        stored = point_schema(layout, file.options)
        if layout.keypoints and stored is not None:
            check_same_size(file, architecture)
            architecture, schema, names = layout.architecture, stored, class_names(layout, file.options)
    if wish.resolution is not None:
        architecture = at_resolution(architecture, wish.resolution)
    names, schema = wish.names(names), wish.schema(schema)
    if file is None:
        return new_pose_model(architecture, schema, names)
    return start_pose_model(file, architecture, schema, names)


REFERENCE_SUFFIX: Final = ".pth"


def open_rfdetr(name: str | Path) -> RFDETRModel:
    """Open weights: a ``.pth`` file of the reference implementation, or one of our own files.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or holds no RF-DETR network.
        ModelDefinitionError: the definition in one of our own files is damaged.
    """
    path = find_rfdetr(name)
    if path.suffix.lower() == REFERENCE_SUFFIX:
        return model_from_file(read_weights_file(path))
    return model_from_checkpoint(_own(path))


def read_rfdetr_tensors(name: str | Path) -> WeightsFile:
    """Read the tensors of such a file, to start another network with them.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or holds no RF-DETR network.
    """
    path = find_rfdetr(name)
    if path.suffix.lower() == REFERENCE_SUFFIX:
        return read_weights_file(path)
    checkpoint = _own(path)
    names = [] if checkpoint.schema is None else list(checkpoint.schema.names)
    options = {"class_names": list(checkpoint.names.values()), "keypoint_names": names}
    return WeightsFile(path=checkpoint.path, state=checkpoint.state, options=options)


def find_rfdetr(name: str | Path) -> Path:
    """Return the file that a name means, in the user's weights folder too; published weights are fetched.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
    """
    return locate_weights(name, weights_dir=Path(load_user_settings().weights_dir))


def _own(path: Path) -> Checkpoint:
    checkpoint = read_checkpoint(path)
    if checkpoint.definition.get("family") != FAMILY:
        raise CheckpointError(f"{path}: the file holds no RF-DETR network; open it with YOLO(...)")
    return checkpoint
