"""posekit: pose (keypoint) estimation with YOLOv8, YOLO11 and YOLO26 networks.

    from posekit import YOLO

    results = YOLO("yolo11n-pose.pt")("street.jpg")

Public names are imported when they are first used, so that ``import posekit`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from posekit.version import __version__

if TYPE_CHECKING:
    from posekit.api import YOLO
    from posekit.errors import PosekitError
    from posekit.results.parts import Boxes, Keypoints, Masks
    from posekit.results.results import Results
    from posekit.rfdetr import (
        RFDETRKeypointPreview,
        RFDETRPose,
        RFDETRPoseLarge,
        RFDETRPoseMedium,
        RFDETRPoseNano,
        RFDETRPoseSmall,
    )
    from posekit.schema.schema import KeypointSchema

_HOMES = {
    "YOLO": "posekit.api",
    "PosekitError": "posekit.errors",
    "Boxes": "posekit.results",
    "Keypoints": "posekit.results",
    "Masks": "posekit.results",
    "Results": "posekit.results",
    "KeypointSchema": "posekit.schema",
    "RFDETRKeypointPreview": "posekit.rfdetr",
    "RFDETRPose": "posekit.rfdetr",
    "RFDETRPoseLarge": "posekit.rfdetr",
    "RFDETRPoseMedium": "posekit.rfdetr",
    "RFDETRPoseNano": "posekit.rfdetr",
    "RFDETRPoseSmall": "posekit.rfdetr",
}

__all__ = [
    "YOLO",
    "Boxes",
    "KeypointSchema",
    "Keypoints",
    "Masks",
    "PosekitError",
    "RFDETRKeypointPreview",
    "RFDETRPose",
    "RFDETRPoseLarge",
    "RFDETRPoseMedium",
    "RFDETRPoseNano",
    "RFDETRPoseSmall",
    "Results",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'posekit' has no attribute '{name}'; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
