"""How well predictions match the truth: matching, AP, curves, confusion, per-keypoint errors, COCO-exact scores."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posekit.metrics.coco import coco_scores as coco_scores

__all__ = ["coco_scores"]


def __getattr__(name: str) -> Any:
    """Import what users call when they first ask for it: this package stays light."""
    if name == "coco_scores":
        from posekit.metrics.coco import coco_scores

        return coco_scores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
