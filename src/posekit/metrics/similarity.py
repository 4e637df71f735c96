"""How alike every labelled object and every detection of one picture are: IoU of masks, OKS of keypoints."""

import numpy as np
from numpy.typing import NDArray

from posekit.errors import ShapeError
from posekit.ops.boxes import box_areas

Floats = NDArray[np.float32]

# Keeps empty boxes, masks and objects without labelled points from dividing by zero.
EPSILON = np.float32(1e-7)
# Share of its box that an object is taken to cover, where only the box is known.
BOX_FILL = 0.53
# Float32 copies of masks are made for at most this many pixels at a time: 32 MiB.
MASK_PIXELS_AT_ONCE = 1 << 23


def oks(truth: Floats, truth_boxes: Floats, found: Floats, sigmas: Floats) -> Floats:
    """Return the (M, N) float32 object keypoint similarity; 0 for objects without a labelled point.

    Labelled means a visibility other than 0. The confidence of detected points plays no part, and the area of an
    object is 0.53 of its box.

    Args:
        truth: (M, K, 3) x, y, visibility.
        truth_boxes: (M, 4) corners in the same pixels.
        found: (N, K, 2 or 3) x, y.
        sigmas: (K,) standard deviations of the points, as shares of the object's size.

    Raises:
        ShapeError: the three do not have the same K.
    """
    if not truth.shape[1] == found.shape[1] == len(sigmas):
        raise ShapeError(
            f"OKS needs one number of keypoints: labels have {truth.shape[1]}, "
            f"detections {found.shape[1]}, sigmas {len(sigmas)}"
        )
    labelled = (truth[:, :, 2] != 0).astype(np.float32)
    # Detections last: long rows of numbers, which NumPy works through fastest.
    x, y = np.ascontiguousarray(found[:, :, 0].T), np.ascontiguousarray(found[:, :, 1].T)
    with np.errstate(over="ignore", invalid="ignore"):
        areas = (np.maximum(box_areas(truth_boxes), 0) * BOX_FILL)[:, None]
        spread = (2 * np.asarray(sigmas, np.float32)) ** 2 * (areas + EPSILON) * 2
        across = truth[:, :, 0, None] - x  # (M, K, N), as all that follows
        down = truth[:, :, 1, None] - y
        across *= across
        down *= down
        across += down
        across /= -spread[:, :, None]
        likeness = np.exp(across, out=across)
        likeness *= labelled[:, :, None]
    return np.asarray(likeness.sum(1) / (labelled.sum(1)[:, None] + EPSILON), np.float32)


def mask_iou(
    truth: NDArray[np.uint8] | NDArray[np.bool_], found: NDArray[np.uint8] | NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the (M, N) float32 IoU of masks (M, h, w) and (N, h, w) with values 0 and 1.

    Raises:
        ShapeError: the masks differ in size.
    """
    if truth.shape[1:] != found.shape[1:]:
        raise ShapeError(f"masks of labels are {truth.shape[1:]} (h, w), those of detections {found.shape[1:]}")
    pixels = truth.shape[1] * truth.shape[2]
    objects = truth.reshape(len(truth), pixels).astype(np.float32)
    shared = np.empty((len(truth), len(found)), np.float32)
    sizes = np.empty(len(found), np.float32)
    step = max(MASK_PIXELS_AT_ONCE // max(pixels, 1), 1)
    for start in range(0, len(found), step):
        part = found[start : start + step].reshape(-1, pixels).astype(np.float32)
        shared[:, start : start + step] = objects @ part.T
        sizes[start : start + step] = part.sum(1)
    union = objects.sum(1)[:, None] + sizes - shared
    return np.asarray(shared / (union + EPSILON), np.float32)
