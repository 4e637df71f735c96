"""What every source of pictures offers to the engine."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from types import TracebackType

from posekit.sample import Sample


class Source(ABC):
    """Batches of samples, in order.

    Iterating opens what has to be opened; the end, `close` or leaving the ``with`` block releases it. Iterating
    again starts from the beginning. `close` belongs to the thread that iterates (`Prefetcher` sees to that).

    Attributes:
        count: how many files, arrays or streams there are; None when not known.
        live: whether frames arrive by themselves and without a known end (webcam, network stream, screen).
        is_video: whether any of it is a video or a stream, so that there may be very many frames.
    """

    count: int | None
    live: bool = False
    is_video: bool = False
    _running: Generator[list[Sample], None, None] | None = None

    def __iter__(self) -> Iterator[list[Sample]]:
        self.close()
        self._running = self._batches()
        return self._running

    @abstractmethod
    def _batches(self) -> Generator[list[Sample], None, None]:
        """Yield the batches; release everything in ``finally``."""

    def close(self) -> None:
        """Release files, cameras and threads; harmless when repeated."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
