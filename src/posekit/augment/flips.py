"""Mirrored pictures, in which left stays left: keypoints swap places with their counterparts."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from posekit.augment.geometry import move_objects
from posekit.errors import SchemaError
from posekit.sample import Sample

FlipMap = Sequence[int]


def flip_left_right(sample: Sample, flip_idx: FlipMap | None) -> Sample:
    """Mirror a picture and its objects left to right.

    Args:
        sample: without masks; x becomes W - x.
        flip_idx: for each of K keypoints the one whose place it takes; None only without keypoints.
    """
    width = sample.size[1]
    moved = move_objects(sample, lambda rows: np.stack((width - rows[0], rows[1])))
    return replace(swap_keypoints(moved, flip_idx), image=np.asarray(cv2.flip(sample.image, 1), np.uint8))


def flip_up_down(sample: Sample, flip_idx_ud: FlipMap | None) -> Sample:
    """Mirror a picture and its objects upside down.

    Args:
        sample: without masks; y becomes H - y.
        flip_idx_ud: for each of K keypoints the one whose place it takes; None only without keypoints.
    """
    height = sample.size[0]
    moved = move_objects(sample, lambda rows: np.stack((rows[0], height - rows[1])))
    return replace(swap_keypoints(moved, flip_idx_ud), image=np.asarray(cv2.flip(sample.image, 0), np.uint8))


def swap_keypoints(sample: Sample, flip_map: FlipMap | None) -> Sample:
    """Return the sample with keypoint i taken from `flip_map[i]`, visibility included, for all objects.

    Raises:
        SchemaError: there are keypoints, but no map: left would become right.
    """
    if sample.keypoints is None:
        return sample
    if flip_map is None:
        raise SchemaError("keypoints cannot be mirrored without a flip map, left would become right: give flip_idx")
    return replace(sample, keypoints=sample.keypoints[:, list(flip_map)])
