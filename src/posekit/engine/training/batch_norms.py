"""Batch norms that see the batches of all GPUs, for the setting ``sync_bn``."""

import torch
from torch import nn

from posekit.log import LOGGER


def synchronise_batch_norms(network: nn.Module, device: torch.device, processes: int) -> None:
    """Let the batch norms of a network, in place, see the batches of all processes; warn where they cannot.

    Names of weights and statistics stay as they are.

    Args:
        network: on its device.
        device: where to compute.
        processes: how many train together.
    """
    if device.type != "cuda" or processes == 1:
        LOGGER.warning(
            "sync_bn=True has no effect: PyTorch synchronises batch norms between processes on CUDA devices, and here "
            "%s on %s",
            "one process trains" if processes == 1 else f"{processes} processes train",
            device.type,
        )
        return
    nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
