"""Results to and from the containers of the `supervision` package."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posekit.results.parts import Keypoints, as_numpy
from posekit.sample import Floats

if TYPE_CHECKING:
    from posekit.results.results import Results


def results_to_detections(results: "Results", conf: float) -> Any:
    """Return `sv.Detections`; keypoints travel as per-row data, so filters and trackers keep them.

    ``data["keypoints"]`` is (N, K, 3) float32 x, y in pixels and 2 where the confidence reaches `conf`,
    else 0; ``data["keypoints_confidence"]`` is (N, K) float32, left out where the model gives none.
    """
    import supervision as sv

    detections = sv.Detections.from_ultralytics(results)
    if results.keypoints is not None:
        visible = _drawable_points(results.keypoints, conf)[..., None].astype(np.float32) * 2
        detections.data["keypoints"] = np.concatenate([as_numpy(results.keypoints.xy), visible], axis=2)
        if results.keypoints.conf is not None:
            detections.data["keypoints_confidence"] = as_numpy(results.keypoints.conf)
    return detections


def results_to_keypoints(results: "Results", conf: float) -> Any:
    """Return `sv.KeyPoints` with ``visible`` set where the confidence reaches `conf`."""
    import supervision as sv

    if results.keypoints is None:
        return sv.KeyPoints.empty()
    keypoints = sv.KeyPoints.from_ultralytics(results)
    if not keypoints.is_empty():
        keypoints.visible = _drawable_points(results.keypoints, conf)
    return keypoints


def _drawable_points(keypoints: Keypoints, conf: float) -> NDArray[np.bool_]:
    """Return (N, K) bool: confidence reaches `conf`, or, without confidences, the point is not at (0, 0)."""
    if keypoints.conf is None:
        drawable: NDArray[np.bool_] = np.any(as_numpy(keypoints.xy) != 0, axis=2)
    else:
        drawable = as_numpy(keypoints.conf) >= conf
    return drawable


def detections_to_arrays(detections: Any) -> tuple[Floats, Floats | None, NDArray[np.uint8] | None]:
    """Return boxes (N, 6 or 7), keypoints (N, K, 3) or None, and masks (N, H, W) or None of `sv.Detections`.

    Missing confidences count as 1 and missing classes as 0. Track ids are taken over when every row has one.
    """
    count = len(detections)
    boxes = _box_rows(
        detections.xyxy,
        np.ones(count) if detections.confidence is None else detections.confidence,
        np.zeros(count) if detections.class_id is None else detections.class_id,
    )
    ids = detections.tracker_id
    if ids is not None and np.all(np.asarray(ids) >= 0):
        boxes = np.insert(boxes, 4, ids, axis=1)
    keypoints = detections.data.get("keypoints")
    if keypoints is not None:
        confidence = detections.data.get("keypoints_confidence", (keypoints[..., 2] > 0).astype(np.float32))
        keypoints = np.concatenate([keypoints[..., :2], confidence[..., None]], axis=2).astype(np.float32)
    masks = None if detections.mask is None else detections.mask.astype(np.uint8)
    return boxes, keypoints, masks


def keypoints_to_arrays(keypoints: Any) -> tuple[Floats, Floats]:
    """Return boxes (N, 6) around the points, and keypoints (N, K, 2 or 3), of `sv.KeyPoints`.

    Points at (0, 0), not finite or not visible do not count for the boxes; an object without any other
    point has an empty box at (0, 0). Missing detection confidences are the mean of the points', or 1.
    """
    xy = np.asarray(keypoints.xy, np.float32)
    points = xy
    if keypoints.keypoint_confidence is not None:
        points = np.concatenate([xy, np.asarray(keypoints.keypoint_confidence, np.float32)[..., None]], axis=2)
    counted = np.isfinite(xy).all(axis=2) & np.any(xy != 0, axis=2)
    if keypoints.visible is not None:
        counted &= keypoints.visible
    classes = np.zeros(len(xy)) if keypoints.class_id is None else keypoints.class_id
    return _box_rows(_boxes_around(xy, counted), _detection_confidence(keypoints), classes), points


def _detection_confidence(keypoints: Any) -> NDArray[Any]:
    confidence = keypoints.detection_confidence
    if confidence is None and keypoints.keypoint_confidence is not None:
        confidence = np.mean(keypoints.keypoint_confidence, axis=1)
    return np.ones(len(keypoints.xy)) if confidence is None else np.asarray(confidence)


def _boxes_around(xy: Floats, counted: NDArray[np.bool_]) -> Floats:
    boxes = np.zeros((len(xy), 4), np.float32)
    for box, points, chosen in zip(boxes, xy, counted, strict=True):
        if chosen.any():
            box[:2], box[2:] = points[chosen].min(axis=0), points[chosen].max(axis=0)
    return boxes


def _box_rows(xyxy: NDArray[Any], confidence: NDArray[Any], classes: NDArray[Any]) -> Floats:
    return np.column_stack([xyxy, confidence, classes]).astype(np.float32)
