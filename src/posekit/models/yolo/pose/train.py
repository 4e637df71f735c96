"""The trainer of the task pose, under the name that people import."""

from typing import ClassVar

from posekit.models.yolo.detect.train import DetectionTrainer
from posekit.models.yolo.pose.val import PoseValidator


class PoseTrainer(DetectionTrainer):
    """Trains a pose network; see `DetectionTrainer`.

    Example:
        PoseTrainer(overrides={"model": "yolo26n-pose.pt", "data": "coco8-pose.yaml", "epochs": 3}).train()
    """

    task: ClassVar[str] = "pose"
    validator: ClassVar[type[PoseValidator]] = PoseValidator

    def set_model_attributes(self) -> None:
        """Write the data set's classes, ``kpt_shape`` and ``kpt_names`` (a list per class) on the network."""
        super().set_model_attributes()
        names, schema = self.labels
        if schema is not None:
            points = {number: list(schema.names) for number in names}
            vars(self.model).update(kpt_shape=list(schema.shape), kpt_names=points)
