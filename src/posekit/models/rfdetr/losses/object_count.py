"""What losses that are summed over objects are divided by."""

import torch
import torch.distributed
from torch import Tensor

from posekit.sample import Targets


def object_count(targets: Targets, groups: int) -> Tensor:
    """Return the objects of the batch times the groups, at least 1.

    Of a batch that several processes share, it is the mean of their objects, so that an object counts the same
    wherever it lies.
    """
    count = torch.tensor(float(len(targets)), device=targets.boxes.device)
    # Without gradients a model is measured, and then processes may have different numbers of batches.
    if torch.is_grad_enabled() and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(count)
        count /= torch.distributed.get_world_size()
    return (count * groups).clamp(min=1)
