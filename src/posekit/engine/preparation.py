"""Makes batches ready ahead of the network."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from time import perf_counter

from posekit.config.predict import PredictSettings
from posekit.io.base import Source
from posekit.io.prefetch import Prefetcher
from posekit.models.contract import InferenceModel
from posekit.sample import Batch

PREFETCHED = 2  # batches made ready ahead of the network


@dataclass(frozen=True)
class ReadyBatch:
    """A batch that the network can take, and the milliseconds per picture that making it took."""

    batch: Batch
    milliseconds: float


def prepared_batches(
    source: Source, model: InferenceModel, settings: PredictSettings
) -> AbstractContextManager[Iterable[ReadyBatch]]:
    """Return the batches of a source; leaving the context releases the source.

    Files are read and letterboxed in a background thread. Live sources read ahead by themselves, and
    would only be delayed by a second queue; a single picture has nothing to be read ahead of.
    """
    preparation = _Preparation(source, model, settings)
    single = source.count == 1 and not source.is_video
    return closing(preparation) if source.live or single else Prefetcher(preparation, PREFETCHED)


class _Preparation:
    """The batches of a source, made ready one by one."""

    def __init__(self, source: Source, model: InferenceModel, settings: PredictSettings) -> None:
        self._source = source
        self._model = model
        self._settings = settings

    def __iter__(self) -> Iterator[ReadyBatch]:
        for samples in self._source:
            start = perf_counter()
            batch = self._model.prepare(samples, self._settings)
            yield ReadyBatch(batch, (perf_counter() - start) * 1e3 / len(samples))

    def close(self) -> None:
        """Release the source."""
        self._source.close()
