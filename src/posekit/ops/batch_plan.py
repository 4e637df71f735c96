"""Which pictures of a data set go through a network together, and in what input size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """One batch: `pictures`, indices into the data set, and `shape`, the (H, W) of the network input."""

    pictures: tuple[int, ...]
    shape: Size


def plan_square_batches(count: int, *, imgsz: int, batch: int) -> list[BatchPlan]:
    """Put `count` pictures, in their order, into batches of `imgsz` x `imgsz`."""
    return [
        BatchPlan(pictures=tuple(range(start, min(start + batch, count))), shape=(imgsz, imgsz))
        for start in range(0, count, batch)
    ]


def plan_rect_batches(
    sizes: Sequence[Size], *, imgsz: int, batch: int, stride: int, pad: float = 0.5
) -> list[BatchPlan]:
    """Put pictures of like aspect ratios together, so that little of each input is padding.

    Args:
        sizes: (h, w) of each picture.
        imgsz: longest side of an input before padding, pixels.
        batch: pictures per batch; the last one may be smaller.
        stride: inputs are multiples of it.
        pad: added to each side, in strides, before rounding up.
    """
    if not sizes:
        return []
    ratios = np.array([h / w for h, w in sizes])
    # NumPy's default order, which is not stable: equal ratios fall into batches as they do elsewhere.
    order = np.argsort(ratios)
    plans = []
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        shape = _batch_shape(ratios[chosen], imgsz, stride, pad)
        plans.append(BatchPlan(pictures=tuple(chosen.tolist()), shape=shape))
    return plans


def _batch_shape(ratios: "np.ndarray[tuple[int], np.dtype[np.float64]]", imgsz: int, stride: int, pad: float) -> Size:
    """Return the smallest input (H, W) for pictures of the given h / w."""
    lowest, highest = float(ratios.min()), float(ratios.max())
    height, width = 1.0, 1.0
    if highest < 1:
        height = highest
    elif lowest > 1:
        width = 1 / lowest
    rows, columns = (ceil(side * imgsz / stride + pad) * stride for side in (height, width))
    return rows, columns
