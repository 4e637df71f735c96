"""Makes labelled batches ready ahead of the network."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from posekit.config.val import ValSettings
from posekit.data.loader import PictureLoader
from posekit.data.picture_store import open_store
from posekit.data.split import Split
from posekit.io.prefetch import Prefetcher
from posekit.models.contract import ValidationModel
from posekit.ops.batch_plan import BatchPlan
from posekit.sample import Batch

PREFETCHED = 2  # batches made ready ahead of the network


@dataclass(frozen=True)
class LabelledBatch:
    """A batch that the network can take.

    Attributes:
        batch: the pictures.
        positions: their numbers in the data set.
        milliseconds: what making it took.
    """

    batch: Batch
    positions: tuple[int, ...]
    milliseconds: float


@contextmanager
def labelled_batches(
    split: Split, plans: Sequence[BatchPlan], model: ValidationModel, settings: ValSettings
) -> Iterator[Iterator[LabelledBatch]]:
    """Give the batches of `plans`, read and placed in background threads; leaving the context ends these."""
    sizes = [model.load_size(picture.size, settings) for picture in split.pictures]
    store = open_store(settings.cache, sizes)
    loader = PictureLoader(split.pictures, sizes, store, workers=settings.workers)
    try:
        with Prefetcher(_made(loader, plans, model), PREFETCHED) as batches:
            yield batches
    finally:
        loader.close()


def _made(loader: PictureLoader, plans: Sequence[BatchPlan], model: ValidationModel) -> Iterator[LabelledBatch]:
    for plan in plans:
        start = perf_counter()
        batch = model.place(loader.load(plan.pictures), plan.shape)
        yield LabelledBatch(batch, plan.pictures, (perf_counter() - start) * 1e3)
