"""The validator of the task multitask, under the name that people import."""

from posekit.models.yolo.detect.val import DetectionValidator


class MultitaskValidator(DetectionValidator):
    """Measures boxes, masks and keypoints; ``model.val(validator=...)`` takes a subclass of it."""
