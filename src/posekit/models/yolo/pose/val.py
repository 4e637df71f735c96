"""The validator of the task pose, under the name that people import."""

from posekit.models.yolo.detect.val import DetectionValidator


class PoseValidator(DetectionValidator):
    """Measures boxes and keypoints; ``model.val(validator=...)`` takes a subclass of it."""
