"""The pose model that a user wishes for, with or without a file to begin from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.model import RFDETRModel
from posekit.models.rfdetr.names import PERSON, class_names, point_schema
from posekit.models.rfdetr.pose_model import at_resolution, check_same_size, new_pose_model, start_pose_model
from posekit.models.rfdetr.recognise import recognise
from posekit.models.rfdetr.weights_file import WeightsFile
from posekit.schema import COCO_PERSON, KeypointSchema


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
