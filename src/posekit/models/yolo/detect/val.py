"""The validator of the task detect, under the name that people import."""

from posekit.engine.validator import Validator


class DetectionValidator(Validator):
    """Measures boxes; ``model.val(validator=...)`` takes a subclass of it."""
