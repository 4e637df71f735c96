"""Synthetic scenes of people-like figures with exact boxes, keypoints and masks."""

from posekit.data.figures.coco_form import write_coco_dataset
from posekit.data.figures.scene import make_scene, scenes
from posekit.data.figures.settings import SceneSettings
from posekit.data.figures.yolo_form import write_yolo_dataset

__all__ = ["SceneSettings", "make_scene", "scenes", "write_coco_dataset", "write_yolo_dataset"]
