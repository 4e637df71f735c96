"""The validator of the task segment, under the name that people import."""

from posekit.models.yolo.detect.val import DetectionValidator


class SegmentationValidator(DetectionValidator):
    """Measures boxes and masks; ``model.val(validator=...)`` takes a subclass of it."""
