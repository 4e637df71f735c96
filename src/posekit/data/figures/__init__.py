"""Synthetic scenes of people-like figures with exact boxes, keypoints and masks."""

from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset
from posekit.data.figures.scene import make_scene, scenes

__all__ = ["SceneSettings", "make_scene", "scenes", "write_coco_dataset", "write_yolo_dataset"]
