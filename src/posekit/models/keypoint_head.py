"""The skeleton of COCO's 17 keypoints, under the path that RF-DETR's own page imports it from."""

from typing import Final

from posekit.schema.schema import COCO_PERSON

COCO_SKELETON: Final = COCO_PERSON.skeleton
"""Limbs as pairs of point indices, counted from 0."""
