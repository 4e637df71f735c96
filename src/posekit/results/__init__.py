"""What users hold after a prediction: `Results` and its parts."""

from posekit.results.boxes import Boxes
from posekit.results.keypoints import Keypoints
from posekit.results.masks import Masks
from posekit.results.results import Results

__all__ = ["Boxes", "Keypoints", "Masks", "Results"]
