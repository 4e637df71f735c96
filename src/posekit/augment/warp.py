"""A picture and its objects through a matrix."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.geometry import move_objects, settle_objects
from posekit.augment.point_rows import Rows
from posekit.ops.letterbox import PADDING_GREY
from posekit.sample import Picture, Sample

Matrix = NDArray[np.float64]
Size = tuple[int, int]

# Points closer to the horizon of a perspective than this, or behind it, have no place in the picture.
NEAREST_TO_HORIZON = 1e-3


def warp_sample(sample: Sample, matrix: Matrix, size: Size, *, zoom: float = 1.0) -> Sample:
    """Move a picture and its objects.

    Args:
        sample: without masks.
        matrix: (3, 3) from its pixels to those of the result; a last row other than 0 0 1 is a perspective.
        size: (H, W) of the result; what the picture does not cover is grey.
        zoom: part of the matrix that is no loss: objects are compared with their former size times this.

    Returns:
        The objects of which enough is left, see `settle_objects`.
    """
    moved = move_objects(sample, lambda rows: warp_points(rows, matrix))
    moved = replace(moved, image=warp_picture(sample.image, matrix, size))
    return settle_objects(moved, sample.boxes * np.float32(zoom))


def warp_points(rows: Rows, matrix: Matrix) -> Rows:
    """Return points (2, T) through a matrix (3, 3); NaN where a perspective sends them to its horizon or behind."""
    x, y, depth = (across * rows[0] + down * rows[1] + shift for across, down, shift in matrix.tolist())
    moved = np.stack((x, y))
    if not is_affine(matrix):
        moved /= np.where(depth < NEAREST_TO_HORIZON, np.nan, depth)
    return moved


def warp_picture(image: Picture, matrix: Matrix, size: Size) -> Picture:
    """Return the picture (h, w, 3) through a matrix in the size (H, W), bilinear, grey where it does not reach."""
    if image.shape[:2] == size and np.array_equal(matrix, np.eye(3)):
        return image
    border = (PADDING_GREY,) * 3
    if is_affine(matrix):
        return np.asarray(cv2.warpAffine(image, matrix[:2], size[::-1], borderValue=border), np.uint8)
    return np.asarray(cv2.warpPerspective(image, matrix, size[::-1], borderValue=border), np.uint8)


def is_affine(matrix: Matrix) -> bool:
    """Tell whether a matrix (3, 3) keeps parallels."""
    return np.array_equal(matrix[2], (0, 0, 1))
