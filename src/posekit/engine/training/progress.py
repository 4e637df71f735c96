"""What is known of a training that runs in other processes."""

from dataclasses import dataclass
from pathlib import Path

from posekit.config.train import TrainSettings
from posekit.engine.results_csv import Row
from posekit.engine.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingProgress:
    """How far a training is; the attributes mean what those of `Trainer` with the same names do."""

    args: TrainSettings
    epoch: int
    epochs: int
    batch_size: int
    loss_names: tuple[str, ...]
    metrics: dict[str, float]
    fitness: float | None
    best_fitness: float
    rows: tuple[Row, ...]
    save_dir: Path
    wdir: Path
    last: Path
    best: Path
    csv: Path

    @classmethod
    def of(cls, loop: Trainer) -> "TrainingProgress":
        """Return how far a training is once everything is made ready for it."""
        return cls(
            args=loop.args,
            epoch=loop.epoch,
            epochs=loop.epochs,
            batch_size=loop.batch_size,
            loss_names=loop.loss_names,
            metrics=dict(loop.metrics),
            fitness=loop.fitness,
            best_fitness=loop.best_fitness,
            rows=tuple(loop.results.rows),
            save_dir=loop.save_dir,
            wdir=loop.wdir,
            last=loop.last,
            best=loop.best,
            csv=loop.csv,
        )
