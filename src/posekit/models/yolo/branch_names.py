"""The same branches under the names that heads of different tasks give them.

Keypoint branches of a pose head and mask branches of a segment head are both called ``cv4``. A multitask head has
both, and calls them ``cv4_pose`` and ``cv4_seg``.
"""

from collections.abc import Mapping

from torch import Tensor

from posekit.models.yolo.heads import PREFIX, Detect
from posekit.models.yolo.network import YoloNetwork

KINDS = ("keypoints_name", "masks_name")  # attributes of heads


def renamed_state(source: YoloNetwork, network: YoloNetwork) -> dict[str, Tensor]:
    """Return the tensors of a network under the names that another one gives to its branches.

    Args:
        source: whose tensors.
        network: whose names. Branches that it does not have keep theirs.
    """
    renamed = _renamed(source.head, network.head)
    place = f"model.{len(source.model) - 1}."
    return {_new_name(name, place, renamed): tensor for name, tensor in source.state_dict().items()}


def _renamed(source: Detect, head: Detect) -> dict[str, str]:
    """Return the new name of each branch that has one in both heads, in both sets of branches."""
    both = [kind for kind in KINDS if hasattr(source, kind) and hasattr(head, kind)]
    return {
        f"{prefix}{getattr(source, kind)}": f"{prefix}{getattr(head, kind)}"
        for kind in both
        for prefix in PREFIX.values()
    }


def _new_name(name: str, place: str, renamed: Mapping[str, str]) -> str:
    """Return the new name of a tensor, such as ``model.23.cv4.0.2.bias``; `place` is that of the head."""
    if not name.startswith(place):
        return name
    branch, dot, rest = name.removeprefix(place).partition(".")
    return f"{place}{renamed.get(branch, branch)}{dot}{rest}"
