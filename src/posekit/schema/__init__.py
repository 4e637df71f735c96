"""The keypoint schema: what the K points of an object are called and how they relate."""

from posekit.schema.from_coco import schema_from_category, shared_schema
from posekit.schema.from_yaml import schema_from_yaml
from posekit.schema.keypoint_schema import COCO_PERSON, KeypointSchema
from posekit.schema.sides import flip_from_names, unpaired_names
from posekit.schema.sigmas import SigmaChoice, resolve_sigmas

__all__ = [
    "COCO_PERSON",
    "KeypointSchema",
    "SigmaChoice",
    "flip_from_names",
    "resolve_sigmas",
    "schema_from_category",
    "schema_from_yaml",
    "shared_schema",
    "unpaired_names",
]
