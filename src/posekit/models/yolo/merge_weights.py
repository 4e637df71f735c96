"""A multitask network from a pose and a segment network of one family and size: a warm start for training."""

from typing import Final, Literal

from posekit.errors import ModelDefinitionError
from posekit.log import LOGGER
from posekit.models.yolo.definition import ModelDefinition, parse_definition
from posekit.models.yolo.loading import LoadedModel
from posekit.models.yolo.transfer import build_for_training, transfer_weights
from posekit.schema import KeypointSchema

Body = Literal["pose", "segment"]
DEFAULT_MASKS: Final = (32, 256)  # prototypes, hidden channels before scaling
HEAD_BLOCKS: Final = {"Pose": "MultiTask", "Pose26": "MultiTask26"}


def merge_weights(pose: LoadedModel, segment: LoadedModel, *, body: Body = "pose") -> LoadedModel:
    """Put a pose and a segment network together.

    Backbone, neck, boxes and classes can come from one of the two only. The branches of the other have learned to
    read another body, so that what comes out has to be trained; it learns faster than fresh branches do.

    Args:
        pose: whose keypoint branches are taken.
        segment: whose mask branches and prototypes are taken.
        body: whose other layers and classes are taken.

    Returns:
        A multitask network with the keypoints of `pose`. With the body of `segment` the classes that have keypoints
        are those that `pose` knows by name.

    Raises:
        ModelDefinitionError: the two are no pose and no segment network, or differ in family or size.
        CheckpointError: one of the two is fused.
    """
    definition = multitask_definition(pose.network.definition, segment.network.definition)
    first, last = (segment, pose) if body == "pose" else (pose, segment)
    names = last.network.names
    network = build_for_training(definition, names=names, kpt_shape=definition.kpt_shape, source=last.network)
    for source in (first, last):  # what both have stays as the last one has it
        done = transfer_weights(network, source.network)
        LOGGER.info("Transferred %d/%d items of the %s network", done.copied, done.total, source.network.task)
    return LoadedModel(
        network=network.eval(),
        schema=_schema(pose, names),
        settings={key: value for key, value in last.settings.items() if key == "imgsz"},
        license=" and ".join(dict.fromkeys(each.license for each in (pose, segment) if each.license)) or None,
    )


def multitask_definition(pose: ModelDefinition, segment: ModelDefinition) -> ModelDefinition:
    """Return the definition of a pose network with a multitask head in place of its own.

    Args:
        pose: whose layers and keypoints are taken.
        segment: whose number of prototypes is taken.

    Raises:
        ModelDefinitionError: the two are no pose and no segment network, or differ in family or size.
    """
    if (pose.task, segment.task) != ("pose", "segment"):
        raise ModelDefinitionError(
            f"a pose and a segment network are needed, in this order: found {pose.task} and {segment.task}"
        )
    if _body(pose) != _body(segment):
        raise ModelDefinitionError(
            "the pose and the segment network must be of one family and size: their layers differ"
        )
    masks, hidden = (
        segment.head.options.get(name, default)
        for name, default in zip(("masks", "proto_hidden"), DEFAULT_MASKS, strict=True)
    )
    key = "layers" if pose.source.get("layers") else "head"
    rows = list(pose.source[key])
    sources, repeats = rows[-1][:2]
    rows[-1] = [sources, repeats, HEAD_BLOCKS[pose.head.block], ["nc", masks, hidden, "kpt_shape"]]
    changed = {key: rows, "kpt_shape": list(pose.kpt_shape or ())}
    return parse_definition({**pose.source, **changed}, name="the merged model")


def _body(definition: ModelDefinition) -> tuple[object, ...]:
    """Return everything that makes the layers before the head what they are."""
    scale = (definition.depth, definition.width, definition.max_channels, definition.scale)
    return (definition.layers[:-1], definition.head.sources, scale, definition.reg_max, definition.end2end)


def _schema(pose: LoadedModel, names: dict[int, str]) -> KeypointSchema | None:
    """Return the keypoints of the pose network for the classes of the merged one."""
    if pose.schema is None or names == pose.network.names:
        return pose.schema
    numbers = {name: number for number, name in pose.network.names.items()}
    own = {number: pose.schema.points_of(numbers[name]) for number, name in names.items() if name in numbers}
    return pose.schema.for_classes({number: points for number, points in own.items() if points})
