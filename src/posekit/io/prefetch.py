"""Read ahead in a background thread, so that decoding and computing overlap."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")
_POLL_S = 0.1


class _End:
    """The last entry of the queue: why the thread has ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Prefetcher(Generic[Item]):
    """An iterator over `items` whose next few are made by one thread while the caller works.

    An error of the iterable reaches the caller after the items before it. At the end, on an error and when the
    caller stops early (`close`, leaving the ``with`` block or dropping the prefetcher) the thread ends and `items`
    is closed if it can be.

    Args:
        items: what to read; only the thread touches it.
        depth: how many items may wait. At most depth + 2 exist at a time.
    """

    def __init__(self, items: Iterable[Item], depth: int = 2) -> None:
        self._stop = threading.Event()
        if depth < 1:
            raise ValueError(f"depth={depth}: must be at least 1")
        self._queue: queue.Queue[Item | _End] = queue.Queue(depth)
        self._finished = False
        # The thread knows the queue but not this object, so that dropping the object can end the thread.
        self._thread = threading.Thread(
            target=_fill, args=(items, self._queue, self._stop), name="posekit prefetch", daemon=True
        )
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._finished:
            raise StopIteration
        item = self._queue.get()
        if not isinstance(item, _End):
            return item
        self.close()
        if item.error is not None:
            raise item.error
        raise StopIteration

    def close(self) -> None:
        """End the thread and close the iterable; harmless when repeated."""
        self._finished = True
        self._stop.set()
        with contextlib.suppress(queue.Empty):  # make room, so that a waiting thread sees the stop at once
            while True:
                self._queue.get_nowait()
        self._thread.join()

    def __enter__(self) -> "Prefetcher[Item]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._stop.set()


def _fill(items: Iterable[Item], target: "queue.Queue[Item | _End]", stop: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(target, item, stop):
                break
            del item
    except BaseException as raised:  # noqa: BLE001 - the caller's thread raises it again
        error = raised
    try:
        close = getattr(items, "close", None)
        if close is not None:
            close()
    except BaseException as raised:  # noqa: BLE001 - likewise
        error = error or raised
    _put(target, _End(error), stop)


def _put(target: "queue.Queue[Item | _End]", item: "Item | _End", stop: threading.Event) -> bool:
    """Put an item as soon as there is room; False when nobody wants it any more."""
    while not stop.is_set():
        try:
            target.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return not stop.is_set()
    return False
