"""What users hold after a prediction: `Results` and its parts."""

from posekit.results.parts import Boxes, Keypoints, Masks
from posekit.results.results import Results

__all__ = ["Boxes", "Keypoints", "Masks", "Results"]
