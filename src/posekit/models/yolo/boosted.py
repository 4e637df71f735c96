"""Which parameters of a YOLO network MuSGD moves faster than the others."""

from posekit.models.yolo.heads import PREFIX
from posekit.models.yolo.network import YoloNetwork


def boosted_parameters(network: YoloNetwork) -> frozenset[str]:
    """Return the full names of the parameters of the class branches, semantic ones included."""
    head = f"model.{len(network.model) - 1}"
    starts = tuple(f"{head}.{PREFIX[branch]}cv3." for branch in network.head.branches)
    return frozenset(
        name for name, _ in network.named_parameters() if name.startswith((*starts, f"{head}.proto.semseg."))
    )
