"""Finds the keypoint schema in a foreign network."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from posekit.checkpoint.contents import checked_shape
from posekit.checkpoint.inert import Stub
from posekit.checkpoint.plain import plain_value
from posekit.checkpoint.walk import modules
from posekit.errors import CheckpointError, SchemaError
from posekit.schema import COCO_PERSON, KeypointSchema


def stored_schema(network: Stub, definition: Mapping[str, Any]) -> KeypointSchema | None:
    """Return the schema of a pickled network; None when it has no keypoints.

    Foreign files store the shape, sometimes names and sigmas, never limbs or mirror maps; those are
    known for the COCO person, which is assumed for 17 points without other names.

    Args:
        network: the root module.
        definition: its model definition.

    Raises:
        CheckpointError: if the stored shape, names and sigmas contradict each other.
    """
    shape = _shape(network, definition)
    if shape is None:
        return None
    try:
        schema = KeypointSchema.for_shape(shape)
        names = _names(plain_value(network.attributes.get("kpt_names")))
        if names and names != COCO_PERSON.names:
            schema = KeypointSchema(shape=shape, names=names)
        sigmas = plain_value(network.attributes.get("kpt_oks_sigmas"))
        return replace(schema, oks_sigmas=tuple(float(sigma) for sigma in sigmas)) if sigmas else schema
    except (SchemaError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"the keypoint schema of the file contradicts itself: {error}") from error


def _shape(network: Stub, definition: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (K, D) from the network, its definition, or its head, the layer that has it."""
    candidates = [network.attributes.get("kpt_shape"), definition.get("kpt_shape")]
    candidates += [module.attributes.get("kpt_shape") for name, module in modules(network) if name.count(".") == 1]
    for candidate in candidates:
        match candidate:
            case [int(count), int(dims)]:
                return checked_shape(count, dims)
    return None


def _names(stored: Any) -> tuple[str, ...]:
    """Return the point names of the first class that has some."""
    lists = stored.values() if isinstance(stored, dict) else [stored]
    return next((tuple(map(str, names)) for names in lists if isinstance(names, (list, tuple)) and names), ())
