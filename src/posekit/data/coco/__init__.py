"""COCO JSON, read as it is."""

from posekit.data.coco.categories import read_categories
from posekit.data.coco.read import read_coco
from posekit.data.coco.split import read_coco_split

__all__ = ["read_categories", "read_coco", "read_coco_split"]
