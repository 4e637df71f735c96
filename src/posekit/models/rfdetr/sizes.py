"""The published sizes as data."""

from typing import Final

from posekit.models.rfdetr.architecture import Architecture

NANO: Final = Architecture(resolution=384, patch_size=16, windows=2, position_grid=24, decoder_layers=2)
SMALL: Final = Architecture(resolution=512, patch_size=16, windows=2, position_grid=32, decoder_layers=3)
MEDIUM: Final = Architecture(resolution=576, patch_size=16, windows=2, position_grid=36, decoder_layers=4)
LARGE: Final = Architecture(resolution=704, patch_size=16, windows=2, position_grid=44, decoder_layers=4)
# Its position table is that of the original DINOv2 (518 pixels), so it is resized even at its own resolution.
BASE: Final = Architecture(
    resolution=560, patch_size=14, windows=4, position_grid=37, decoder_layers=3, taps=(2, 5, 8, 11)
)
POSE_LARGE: Final = Architecture(resolution=768, patch_size=16, windows=2, position_grid=48, decoder_layers=6)
KEYPOINT_PREVIEW: Final = Architecture(
    resolution=576, patch_size=12, windows=2, position_grid=48, decoder_layers=4, queries=100, detections=100
)

DETECTORS: Final = {
    "rf-detr-nano": NANO,
    "rf-detr-small": SMALL,
    "rf-detr-medium": MEDIUM,
    "rf-detr-large-2026": LARGE,
    "rf-detr-base": BASE,
}
"""Detectors by the stem of their published files."""

POSE_MODELS: Final = {
    "rfdetr-pose-nano": NANO,
    "rfdetr-pose-small": SMALL,
    "rfdetr-pose-medium": MEDIUM,
    "rfdetr-pose-large": POSE_LARGE,
}
"""Pose models by name."""

STARTING_WEIGHTS: Final = {
    "rfdetr-pose-nano": "rf-detr-nano.pth",
    "rfdetr-pose-small": "rf-detr-small.pth",
    "rfdetr-pose-medium": "rf-detr-medium.pth",
    "rfdetr-pose-large": "rf-detr-large-2026.pth",
}
"""The detection weights that a pose model starts from."""
