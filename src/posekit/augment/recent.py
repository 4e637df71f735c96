"""Loaded samples kept for a while, as partners of others."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from posekit.sample import Sample

Fetch = Callable[[int], Sample]


class RecentSamples:
    """Gives samples by number and keeps those asked for last; threads may share it.

    Samples come out as they went in, so callers must not write to their arrays.

    Args:
        fetch: loads a sample.
        capacity: how many to keep, at least 1.
    """

    def __init__(self, fetch: Fetch, capacity: int) -> None:
        self._fetch = fetch
        self._capacity = capacity
        self._kept: OrderedDict[int, Sample] = OrderedDict()
        self._lock = Lock()

    def __call__(self, index: int) -> Sample:
        """Return the sample of a number, loading it when it is not kept."""
        with self._lock:
            kept = self._kept.get(index)
            if kept is not None:
                self._kept.move_to_end(index)
                return kept
        # Not under the lock: other threads go on, and at worst two load the same picture.
        sample = self._fetch(index)
        with self._lock:
            self._kept[index] = sample
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return sample
