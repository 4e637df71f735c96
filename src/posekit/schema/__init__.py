"""The keypoint schema: what the K points of an object are called and how they relate."""

from posekit.schema.read import schema_from_category, schema_from_yaml, shared_schema
from posekit.schema.schema import COCO_PERSON, KeypointSchema, SigmaChoice, resolve_sigmas
from posekit.schema.sides import flip_from_names, unpaired_names

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
