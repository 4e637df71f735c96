"""Detections as the `supervision` package holds them."""

from typing import Any

import numpy as np

from posekit.models.rfdetr.postprocess import Found
from posekit.models.rfdetr.preview.covariance import covariance
from posekit.ops.boxes import clip_boxes

VISIBLE_FROM = 0.5
VISIBLE = 2


def to_supervision(found: Found, size: tuple[int, int], names: dict[int, str]) -> Any:
    """Return `sv.Detections` in pixels of a picture.

    ``data["keypoints"]`` is (n, K, 3) float32 x, y in pixels and 2 where the confidence is above 0.5, else 0;
    ``data["keypoints_confidence"]`` is (n, K) float32 in 0 ... 1; ``data["covariance"]`` is (n, K, 2, 2) float32 in
    square pixels, NaN without a keypoint, from networks that know how sure they are.

    Args:
        found: detections as fractions of the picture.
        size: (h, w) of the picture.
        names: class names by index.
    """
    import supervision as sv

    height, width = size
    corner = found.boxes.new_tensor((width, height))
    classes = found.classes.cpu().numpy()
    data: dict[str, Any] = {"class_name": np.array([names[int(index)] for index in classes], dtype=str)}
    if found.keypoints is not None:
        confidence = found.keypoints[..., 2].cpu().numpy()
        places = (found.keypoints[..., :2] * corner).cpu().numpy()
        visible = np.where(confidence > VISIBLE_FROM, VISIBLE, 0)[..., None].astype(np.float32)
        data["keypoints"] = np.concatenate((places, visible), 2)
        data["keypoints_confidence"] = confidence
    if found.precision is not None:
        data["covariance"] = covariance(found.precision, size).cpu().numpy()
    return sv.Detections(
        xyxy=clip_boxes(found.boxes * corner.repeat(2), size).cpu().numpy(),
        confidence=found.scores.cpu().numpy(),
        class_id=classes,
        data=data,
    )
