"""The training loop."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

import torch
from torch import Tensor

from posekit.checkpoint.training_state import TrainingState
from posekit.config.settings import TrainSettings
from posekit.engine import distributed
from posekit.engine.batch_size import halved_batch, starting_batch
from posekit.engine.callbacks import Callback, call_all
from posekit.engine.checkpoints import Keeper, begun_choice, plain_settings, read_state, restore, write_settings
from posekit.engine.epoch_validation import DIGITS, EpochValidation, first_metrics
from posekit.engine.learner import Learner
from posekit.engine.precision import trusted_amp
from posekit.engine.profiling import profiled_steps
from posekit.engine.results_csv import ResultsCsv, Row
from posekit.engine.schedule import learning_rates
from posekit.engine.seeds import random_state_of_all, reproducible_kernels, seed_all
from posekit.engine.stopping import Clock, EarlyStopping, NanGuard
from posekit.engine.training_batches import Share, TrainingBatches
from posekit.engine.training_charts import RunFigures
from posekit.engine.training_run import TrainingRun
from posekit.errors import TrainingError
from posekit.files.writing import make_run_folder
from posekit.log import LOGGER, progress_bar
from posekit.metrics.report import Metrics, header, rows


class LossMeans:
    """Adds up loss items where they are; they come to the processor only when somebody asks for them."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._batches = 0

    def add(self, items: Mapping[str, Tensor]) -> None:
        """Count the items of a batch, detached scalars by name."""
        self._sums = {name: self._sums[name] + value if self._batches else value for name, value in items.items()}
        self._batches += 1

    def means(self) -> dict[str, float]:
        """Return the means over the batches so far; empty before the first."""
        return {name: float(value) / self._batches for name, value in self._sums.items()}

    def means_of_all(self) -> dict[str, float]:
        """Return the means over the batches of all processes; each of them must call this."""
        parts = distributed.gather((self._batches, self.means()))
        total = sum(batches for batches, _ in parts)
        names = parts[0][1]
        return {name: sum(batches * means[name] for batches, means in parts if batches) / total for name in names}


# Where a run begins: with these weights, or behind an epoch of an interrupted run.
Start = dict[str, Tensor] | TrainingState


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The parts of a training.

    Attributes:
        batches: what is learned from.
        learner: what learns.
        stopping: what ends a run that no longer gets better.
        validation: what measures.
    """

    batches: TrainingBatches
    learner: Learner
    stopping: EarlyStopping
    validation: EpochValidation


def make_parts(
    run: TrainingRun,
    device: torch.device,
    start: Start,
    *,
    batch: int,
    folder: Path,
    callbacks: Mapping[str, Sequence[Callback]],
    tell: Callable[[str], None],
) -> Parts:
    """Return the parts of a training, at its start.

    Args:
        run: the training.
        device: where to compute.
        start: where it begins.
        batch: pictures per batch, of all processes together.
        folder: of the run.
        callbacks: functions by event, for those of the validation.
        tell: calls the functions of an event, for those of the learner.

    Raises:
        CheckpointError: the interrupted run was of another network.
        SettingError: the last batch would be too small, or nothing is left to train.
    """
    share = Share(rank=distributed.rank(), count=distributed.world_size())
    batches = TrainingBatches(run, batch // share.count, share)
    choice = None
    if isinstance(start, TrainingState):
        choice = begun_choice(start, run.settings, len(run.model.names))
    else:
        run.model.network.load_state_dict(start)
    learner = Learner(run, device, batch=batch, batches=len(batches), choice=choice, tell=tell)
    stopping = EarlyStopping(run.settings.patience)
    if isinstance(start, TrainingState):
        restore(start, learner, stopping)
        learner.criterion.advance_to(start.epoch + 1, run.settings.epochs)
    validation = EpochValidation(
        run, learner, device, batch=2 * batch // share.count, folder=folder, callbacks=callbacks
    )
    return Parts(batches=batches, learner=learner, stopping=stopping, validation=validation)


def starting_weights(run: TrainingRun) -> Start:
    """Return copies of the weights that a new run begins with, in main memory."""
    return {name: tensor.detach().cpu().clone() for name, tensor in run.model.network.state_dict().items()}


class Trainer:
    """Trains a network; callbacks receive this object.

    Args:
        run: the training.
        device: where to compute.
        callbacks: functions by event.

    Attributes:
        args: the settings; once training has begun, with what was chosen for them: optimiser, batch, precision.
        model: the network that learns.
        data: the data set as a dictionary.
        device: where to compute.
        epoch: the current epoch, 0-based.
        epochs: how many there will be.
        batch_size: pictures per batch, of all processes together.
        stop: whether this epoch is the last; a callback may set it.
        loss_names: names of the loss items.
        tloss: mean of each item over the batches of the epoch so far.
        metrics: numbers of the last validation, by key; zeros before the first.
        fitness, best_fitness: of the last epoch (None when it was not validated), and the best one.
        learner: optimiser, schedule, average and losses.
        results: rows of all finished epochs.
        save_dir, wdir, last, best, csv: folder of the run, of its weights, and files in them.
    """

    def __init__(
        self, run: TrainingRun, device: torch.device, callbacks: Mapping[str, Sequence[Callback]] | None = None
    ) -> None:
        self.run = run
        self.args: TrainSettings = run.settings
        self.device = device
        self.callbacks = {} if callbacks is None else callbacks
        self.data = run.data
        self.epoch = 0
        self.epochs = run.settings.epochs
        self.stop = False
        self.metrics: dict[str, float] = {}
        self.validated: Metrics | None = None
        self.fitness: float | None = None
        self._losses = LossMeans()
        self._halvings = 0
        self._unsaved = False
        self.guard = NanGuard()
        self._is_first = distributed.rank() == 0

    @property
    def model(self) -> torch.nn.Module:
        """The network that learns."""
        return self.run.model.network

    @property
    def best_fitness(self) -> float:
        """The best fitness so far."""
        return self.stopping.best_fitness

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the loss items."""
        return self.learner.criterion.names

    @property
    def tloss(self) -> dict[str, float]:
        """Mean of each loss item over the batches of the epoch so far, in this process."""
        return self._losses.means()

    def train(self, resume: Path | None = None) -> Metrics:
        """Train, and return the numbers of the best weights.

        Args:
            resume: checkpoint of an interrupted run to go on with; its run folder is used on.

        Raises:
            CheckpointError: the checkpoint does not fit.
            TrainingError: the losses are no numbers, again and again, or the memory does not suffice.
            OutputError: something cannot be written; the checkpoints of earlier epochs are as they were.
        """
        with ExitStack() as stack:
            stack.callback(self._tell, "teardown")
            self._tell("on_pretrain_routine_start")
            if self.args.deterministic:
                stack.enter_context(reproducible_kernels())
            stack.callback(self._close)
            try:
                self._prepare(resume)
                self._train_epochs()
                metrics = self._finish()
            except torch.OutOfMemoryError as error:
                raise TrainingError(
                    f"out of memory in epoch {self.epoch + 1}: lower batch ({self.batch_size} now) or imgsz; "
                    "checkpoints of earlier epochs are kept"
                ) from error
            self._tell("on_train_end")
            return metrics

    def _tell(self, event: str) -> None:
        call_all(self.callbacks, event, self)

    def _prepare(self, resume: Path | None) -> None:
        """Make everything ready."""
        seed_all(self.args.seed, rank=distributed.rank() if distributed.world_size() > 1 else None)
        self.save_dir = self._folder(resume)
        self.wdir, self.csv = self.save_dir / "weights", self.save_dir / "results.csv"
        given = self.run.settings
        self.keeper = Keeper(self.wdir, self.run.model, plain_settings(given))
        self.last, self.best = self.keeper.last, self.keeper.best
        self.figures = RunFigures(self.run, self.save_dir)
        amp = trusted_amp(self.run, self.device)
        self.run = replace(self.run, settings=replace(self.run.settings, amp=amp))
        self.batch_size = starting_batch(self.run, self.device)
        self._begin(starting_weights(self.run) if resume is None else read_state(resume))
        if self._is_first:
            self.keeper.clear_leftovers()
            write_settings(given, self.save_dir)
            if self.args.plots:
                self.figures.draw_labels()
        self._tell("on_pretrain_routine_end")

    def _folder(self, resume: Path | None) -> Path:
        folder = resume.parent.parent if resume else None
        if folder is None and self._is_first:
            folder = make_run_folder(self.run.base, self.args.name or "train", self.args.exist_ok)
        return distributed.gather(folder)[0] or Path()

    def _begin(self, start: Start) -> None:
        """Put the parts together where the run begins or goes on."""
        self._start: Start | None = start  # until an epoch has gone well
        parts = make_parts(
            self.run,
            self.device,
            start,
            batch=self.batch_size,
            folder=self.save_dir,
            callbacks=self.callbacks,
            tell=self._tell,
        )
        self.batches, self.learner = parts.batches, parts.learner
        self.stopping, self.validation = parts.stopping, parts.validation
        choice = self.learner.choice
        self.args = replace(
            self.run.settings,
            optimizer=choice.name,
            lr0=choice.lr,
            warmup_bias_lr=choice.warmup_bias_lr,
            batch=self.batch_size,
        )
        resumed = start if isinstance(start, TrainingState) else None
        self.results = ResultsCsv(self.csv, resumed.results if resumed else ())
        self.epoch = resumed.epoch + 1 if resumed else 0
        last_row = self.results.rows[-1] if resumed else {}
        self.metrics = {key: last_row.get(key, 0.0) for key in first_metrics(self.run.model.task, self.loss_names)}
        self.clock = Clock(self.args.time, last_row.get("time", 0.0))

    def _close(self) -> None:
        if hasattr(self, "batches"):
            self.batches.close()
            self.learner.part_from_others()

    def _train_epochs(self) -> None:
        self._tell("on_train_start")
        if self.epoch:
            self.epochs = self.clock.epochs(self.epoch, self.epochs)
            self.stop = self.stopping.reach(self.epoch) or self.clock.is_over()
        while self.epoch < self.epochs and not self.stop:
            self._tell("on_train_epoch_start")
            if not self._fits():
                self._begin_smaller()
                continue
            self.learner.criterion.end_epoch(self.epochs)
            self._tell("on_train_epoch_end")
            self.stop = distributed.gather(self.stop)[0]  # what a callback looks at may differ between processes
            losses = self._losses.means_of_all()
            self._validate(losses)
            if self.guard.must_redo(self.epoch, loss=sum(losses.values()), fitness=self.fitness or 0.0):
                self._return_to_last()
                continue
            self._end_epoch(losses)

    def _fits(self) -> bool:
        """Train for an epoch; return False when memory ran out and smaller batches may fit."""
        try:
            self._train_epoch()
        except torch.OutOfMemoryError:
            if self._start is None or halved_batch(self.batch_size, self._halvings) is None:
                raise
            return False  # outside of this block the failed step no longer holds on to memory
        self._start = None
        return True

    def _begin_smaller(self) -> None:
        start, batch = self._start, halved_batch(self.batch_size, self._halvings)
        assert start is not None
        assert batch is not None
        LOGGER.warning("out of memory with batch=%d: beginning anew with batch=%d", self.batch_size, batch)
        self.batch_size, self._halvings = batch, self._halvings + 1
        self._close()
        del self.learner, self.validation
        torch.cuda.empty_cache()
        self._begin(start)

    def _train_epoch(self) -> None:
        self.learner.start_epoch()
        self._losses = LossMeans()
        plain_from = max(self.epochs - self.args.close_mosaic, 0) if self.args.close_mosaic else self.epochs
        reading = self.batches.epoch(self.epoch, joined=self.epoch < plain_from, attempt=self.guard.attempts)
        shown, draws = self.args.verbose and self._is_first, self.args.plots and self._is_first
        label, first = f"epoch {self.epoch + 1}/{self.epochs}", self.epoch * len(self.batches)
        profiled = self.args.profile and self._start is not None and self._is_first
        bar = progress_bar(label, len(self.batches), shown=shown)
        with reading as batches, bar as advance, profiled_steps(self.save_dir, on=profiled) as note_step:
            for iteration, batch in enumerate(batches, start=first):
                self._tell("on_train_batch_start")
                if draws:
                    self.figures.draw_batch(batch, iteration, plain_from * len(self.batches))
                self._losses.add(self.learner.learn(batch, iteration))
                self._tell("on_train_batch_end")
                note_step()
                advance(1)
                if self.clock.is_over():
                    break

    def _validate(self, trained: Mapping[str, float]) -> None:
        """Validate if it is time to, unless the losses of the epoch are no numbers."""
        ends = self.stop or self.epoch + 1 >= self.epochs or self.clock.is_over()
        self.fitness = None
        if not (self.args.val or ends or self.stopping.may_stop_next) or not isfinite(sum(trained.values())):
            return
        self.learner.share_statistics()
        self.validated, losses = self.validation.measure(self.learner.ema.model, plots=False)
        self.fitness = self.validated.fitness
        results = self.validated.results_dict | losses
        self.metrics = {key: round(results[key], DIGITS) for key in self.metrics}

    def _return_to_last(self) -> None:
        """Go back to the last checkpoint, but with the average for weights: they are further from whatever broke."""
        if not self.args.save:
            raise TrainingError(f"epoch {self.epoch + 1}: with save=False there is no checkpoint to return to")
        state = read_state(self.last)
        restore(state, self.learner, self.stopping)
        self.model.load_state_dict(state.ema)
        self.epoch = state.epoch + 1
        self.learner.criterion.advance_to(self.epoch, self.epochs)

    def _end_epoch(self, losses: Mapping[str, float]) -> None:
        """Write down what an epoch has come to, and decide whether it was the last."""
        row: dict[str, float] = {"epoch": self.epoch + 1, "time": self.clock.seconds}
        row |= {f"train/{name}": losses[name] for name in self.loss_names}
        row |= self.metrics | learning_rates(self.learner.optimizer)
        if self._is_first:
            self.results.add(row)
            self._say(losses)
        self.epochs = self.clock.epochs(self.epoch + 1, self.epochs)
        self.learner.schedule = self.learner.schedule.for_epochs(self.epochs)
        early = self.stopping.update(self.epoch + 1, self.fitness)
        self._unsaved = True
        if self.args.save:
            self._save()
        self._tell("on_fit_epoch_end")
        if early and self._is_first:
            LOGGER.info("no better fitness for %d epochs: stopping early", self.args.patience)
        last = self.epoch + 1 >= self.epochs or self.clock.is_over()
        self.stop = distributed.gather(self.stop or early or last)[0]
        if not self.stop:
            self.epoch += 1

    def _save(self) -> None:
        self._unsaved = False
        random = random_state_of_all()
        if not self._is_first:
            return
        period = self.args.save_period
        self.keeper.save(
            self.epoch,
            self.learner,
            self.stopping,
            self.results.rows,
            self.metrics,
            random,
            is_best=self.stopping.is_best(self.fitness),
            extra=period > 0 and self.epoch % period == 0,
        )
        self._tell("on_model_save")

    def _finish(self) -> Metrics:
        """Leave files with weights only, and validate the best once more, with figures."""
        if self._unsaved:
            self._save()
        if self._is_first:
            self.keeper.finish()
            if self.args.plots:
                self.figures.draw_results(self.results.rows)
        distributed.gather(None)  # the others wait for the files
        self.keeper.load_best(self.model)
        self.model.eval()
        metrics, _ = self.validation.measure(self.model, plots=self.args.plots)
        if self._is_first and self.args.verbose:
            LOGGER.info("best weights: %s", self.keeper.best if self.keeper.best.is_file() else self.keeper.last)
            _print(metrics, per_class=True)
        return metrics

    def _say(self, losses: Mapping[str, float]) -> None:
        if not self.args.verbose:
            return
        parts = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        LOGGER.info("epoch %d/%d: %s", self.epoch + 1, self.epochs, parts)
        if self.fitness is not None and self.validated is not None:
            _print(self.validated, per_class=False)


def _print(metrics: Metrics, *, per_class: bool) -> None:
    for line in (header(metrics), *rows(metrics, per_class=per_class)):
        LOGGER.info("%s", line)


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
