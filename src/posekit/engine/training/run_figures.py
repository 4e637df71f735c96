"""The figures that a training leaves in its folder, besides those of the validation at its end."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from posekit.engine.training.figures import save_label_figure, save_training_batch
from posekit.engine.training.run import TrainingRun
from posekit.sample import Batch
from posekit.viz.plots.results_plot import save_results_plot

BATCHES = 3  # drawn at the start, and again when pictures are no longer joined


class RunFigures:
    """Draws labels, batches as the network sees them, and the course of the results.

    Args:
        run: the training.
        folder: of the run.
    """

    def __init__(self, run: TrainingRun, folder: Path) -> None:
        self._run = run
        self._folder = folder

    def draw_labels(self) -> None:
        """Write ``labels.jpg``."""
        save_label_figure(self._run.train, self._run.model.schema, self._folder / "labels.jpg")

    def draw_batch(self, batch: Batch, iteration: int, first_plain: int) -> None:
        """Write ``train_batch{iteration}.jpg`` for the first batches of all, and the first ones of plain pictures.

        Args:
            batch: as the network gets it.
            iteration: batches before it, of all epochs.
            first_plain: the first iteration whose pictures are not joined to others.
        """
        if iteration < BATCHES or 0 <= iteration - first_plain < BATCHES:
            path = self._folder / f"train_batch{iteration}.jpg"
            save_training_batch(batch, self._run.model.names, self._run.model.schema, path)

    def draw_results(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write ``results.png``."""
        save_results_plot(rows, self._folder / "results.png")
