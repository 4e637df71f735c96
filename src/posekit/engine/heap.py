"""Keeps freed memory with the process, so that the next tensors need no new pages."""

import torch

# glibc hands memory back to the system as soon as more is free at the end of the heap than twice its limit for large
# blocks, and raises that limit, up to 32 MiB, to the largest block that was freed. Small networks free blocks of a few
# megabytes in each layer: the pages went back and were faulted in again, thousands of times a picture.
LARGE_BLOCK = 31 * 2**20


def keep_freed_memory() -> None:
    """Let the C library keep up to 62 MiB of freed memory; no memory is touched. Elsewhere than on glibc: nothing."""
    torch.empty(LARGE_BLOCK, dtype=torch.uint8)
