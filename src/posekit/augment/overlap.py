"""Areas that boxes share."""

from posekit.sample import Floats


def shared_areas(some: Floats, others: Floats) -> Floats:
    """Return the areas (A, B) in square pixels that boxes (A, 4) share with boxes (B, 4), corners in pixels."""
    near = some[:, None, :2].clip(others[None, :, :2], None)
    far = some[:, None, 2:].clip(None, others[None, :, 2:])
    areas: Floats = (far - near).clip(0, None).prod(2)
    return areas


def box_areas(boxes: Floats) -> Floats:
    """Return the areas (N,) in square pixels of boxes (N, 4)."""
    areas: Floats = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return areas
