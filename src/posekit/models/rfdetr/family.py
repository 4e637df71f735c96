"""RF-DETR as a family: models by definition, by checkpoint, by file, and as a user of `RFDETRPose` wishes for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.checkpoint.weights import locate_weights
from posekit.config.user import load_user_settings
from posekit.errors import CheckpointError, ModelDefinitionError
from posekit.files.reading import read_yaml
from posekit.models.rfdetr.architecture import (
    FAMILY,
    Architecture,
    Layout,
    from_definition,
    layout_of_size,
    published_layout,
    recognise,
)
from posekit.models.rfdetr.model import RFDETRModel, at_resolution, new_model
from posekit.models.rfdetr.weights import (
    PERSON,
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

REFERENCE_SUFFIX: Final = ".pth"


def build(definition: str) -> RFDETRModel | None:
    """Return a network with random weights for ``rfdetr-pose-nano.yaml``, ``rf-detr-nano.yaml`` and the like.

    A YAML file with ``family: rfdetr`` names a ``size`` and what differs from it. None for others.

    Raises:
        ModelDefinitionError: a part of such a file is missing or of the wrong kind.
    """
    path = Path(definition)
    layout = _layout_in(path) if path.is_file() else published_layout(path.stem)
    return None if layout is None else new_model(layout)


def load(checkpoint: Checkpoint) -> RFDETRModel | None:
    """Return the model of a checkpoint; None for those of other families.

    Raises:
        CheckpointError: weights and definition do not fit together.
        ModelDefinitionError: the definition is damaged.
    """
    if checkpoint.definition.get("family") != FAMILY:
        return None
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


def load_reference(path: Path) -> RFDETRModel:
    """Return the model that a ``.pth`` file of the reference implementation holds.

    Raises:
        CheckpointError: the file is damaged, unsafe, or holds another kind of network, or not all of one.
    """
    file = read_weights_file(path)
    network, layout = network_from_file(file)
    names, schema = class_names(layout, file.options), point_schema(layout, file.options)
    return RFDETRModel(network=network, layout=layout, names=names, schema=schema)


def open_rfdetr(name: str | Path) -> RFDETRModel:
    """Open weights by name: a ``.pth`` file of the reference implementation, or one of our own files.

    Raises:
        WeightsNotFoundError: the weights are neither on disk nor to be had.
        CheckpointError: the file is damaged, unsafe, or holds no RF-DETR network.
        ModelDefinitionError: the definition in one of our own files is damaged.
    """
    path = _find(name)
    if path.suffix.lower() == REFERENCE_SUFFIX:
        return load_reference(path)
    model = load(_own(path))
    assert model is not None
    return model


def read_rfdetr_tensors(name: str | Path) -> WeightsFile:
    """Read the tensors of such a file, to start another network with them; raises what `open_rfdetr` does."""
    path = _find(name)
    if path.suffix.lower() == REFERENCE_SUFFIX:
        return read_weights_file(path)
    checkpoint = _own(path)
    names = [] if checkpoint.schema is None else list(checkpoint.schema.names)
    options = {"class_names": list(checkpoint.names.values()), "keypoint_names": names}
    return WeightsFile(path=checkpoint.path, state=checkpoint.state, options=options)


@dataclass(frozen=True, kw_only=True)
class PoseOptions:
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
        """Return the keypoints; those of the file, `known`, are kept where nothing else is said.

        Raises:
            SchemaError: number, names and skeleton contradict each other.
        """
        schema, names = known, tuple(self.keypoint_names or known.names)
        count = self.num_keypoints or (len(names) if self.keypoint_names else known.count)
        if self.keypoint_names is None and count != known.count:
            schema = KeypointSchema.for_shape((count, 3))
        elif self.keypoint_names is not None and (count, names) != (known.count, known.names):
            schema = KeypointSchema(shape=(count, 3), names=names)
        if self.skeleton is None:
            return schema
        limbs = tuple(tuple(limb) for limb in self.skeleton)
        return replace(schema, skeleton=cast(tuple[tuple[int, int], ...], limbs))  # checked there

    def names(self, known: dict[int, str]) -> dict[int, str]:
        """Return the class names; `known` are those of the file."""
        if self.num_classes in (None, len(known)):
            return known
        return {index: str(index) for index in range(self.num_classes or 0)}


def pose_model(architecture: Architecture, file: WeightsFile | None, options: PoseOptions) -> RFDETRModel:
    """Return a pose model.

    Args:
        architecture: of its size.
        file: pose weights, detection weights to start training from, or None for random weights.
        options: what the user says.

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
            # A pose network of another size would give other results than in its own.
            found, wanted = layout.architecture.decoder_layers, architecture.decoder_layers
            if found != wanted:
                raise CheckpointError(
                    f"{file.path}: the pose network has {found} decoder layers, but {wanted} were asked for: "
                    "choose the class of its size"
                )
            architecture, schema, names = layout.architecture, stored, class_names(layout, file.options)
    if options.resolution is not None:
        architecture = at_resolution(architecture, options.resolution)
    names, schema = options.names(names), options.schema(schema)
    # One row more than classes, as in the published files; no object ever has it.
    layout = Layout(architecture=architecture, class_rows=max(names) + 2, keypoints=schema.count)
    model = new_model(layout, names=names, schema=schema)
    if file is not None:
        start_from_file(model.network, layout, file)
    return model


def _layout_in(path: Path) -> Layout | None:
    """Return the layout that a file describes; None when it describes another family's network."""
    try:
        content = read_yaml(path, ModelDefinitionError)
    except ModelDefinitionError:
        return None  # the family whose files have no mark tells what is wrong with it
    if not isinstance(content, dict) or content.get("family") != FAMILY:
        return None
    return layout_of_size(content, str(path)) if "size" in content else from_definition(content, str(path))


def _find(name: str | Path) -> Path:
    """Return the file that a name means, in the user's weights folder too; published weights are fetched."""
    return locate_weights(name, weights_dir=Path(load_user_settings().weights_dir))


def _own(path: Path) -> Checkpoint:
    checkpoint = read_checkpoint(path)
    if checkpoint.definition.get("family") != FAMILY:
        raise CheckpointError(f"{path}: the file holds no RF-DETR network; open it with YOLO(...)")
    return checkpoint
