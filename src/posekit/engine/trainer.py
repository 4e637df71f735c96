"""The training loop: epochs of steps, and after each a validation of the averaged weights and a checkpoint."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from math import isfinite
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import torch
from torch import Tensor
from torch.profiler import profile, schedule

from posekit.checkpoint.training_state import TrainingState
from posekit.config.settings import TrainSettings, ValSettings
from posekit.engine import distributed
from posekit.engine.batch_size import halved_batch, starting_batch
from posekit.engine.callbacks import Callback, call_all
from posekit.engine.checkpoints import Keeper, begun_choice, plain_settings, read_state, restore, write_settings
from posekit.engine.learner import Learner
from posekit.engine.optimizer import learning_rates
from posekit.engine.precision import trusted_amp
from posekit.engine.results_csv import ResultsCsv
from posekit.engine.seeds import random_state_of_all, reproducible_kernels, seed_all
from posekit.engine.stopping import Clock, EarlyStopping, NanGuard
from posekit.engine.training_batches import TrainingBatches
from posekit.engine.training_charts import save_label_figure, save_training_batch
from posekit.engine.training_run import TrainingRun
from posekit.engine.validation_run import ValidationRun
from posekit.engine.validator import Validator
from posekit.errors import TrainingError
from posekit.files.writing import make_run_folder, write_whole
from posekit.log import LOGGER, progress_bar
from posekit.metrics.parts import kinds_of
from posekit.metrics.report import Metrics, header, rows
from posekit.sample import Batch
from posekit.viz.training_chart import save_results_plot

DIGITS: Final = 5  # of the numbers in result files
DRAWN_BATCHES: Final = 3  # at the start, and again when pictures are no longer joined
PROFILED_STEPS: Final = 3  # behind a first one, which prepares kernels and memory
PROFILED_ROWS: Final = 40

# Where a run begins: with these weights, or behind an epoch of an interrupted run.
Start = dict[str, Tensor] | TrainingState


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
        self.guard = NanGuard()
        self._loss_sums: dict[str, Tensor] = {}  # where they were computed, until somebody asks for them
        self._batches_done = 0
        self._halvings = 0
        self._unsaved = False
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
        """Mean of each loss item over the batches of the epoch so far, in this process; empty before the first."""
        return {name: float(value) / self._batches_done for name, value in self._loss_sums.items()}

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
        seed_all(self.args.seed, rank=distributed.rank() if distributed.world_size() > 1 else None)
        self.save_dir = self._folder(resume)
        self.wdir, self.csv = self.save_dir / "weights", self.save_dir / "results.csv"
        given = self.run.settings
        self.keeper = Keeper(self.wdir, self.run.model, plain_settings(given))
        self.last, self.best = self.keeper.last, self.keeper.best
        amp = trusted_amp(self.run, self.device)
        self.run = replace(self.run, settings=replace(self.run.settings, amp=amp))
        self.batch_size = starting_batch(self.run, self.device)
        self._begin(self._weights() if resume is None else read_state(resume))
        if self._is_first:
            self.keeper.clear_leftovers()
            write_settings(given, self.save_dir)
            if self.args.plots:
                save_label_figure(self.run.train, self.run.model.schema, self.save_dir / "labels.jpg")
        self._tell("on_pretrain_routine_end")

    def _weights(self) -> dict[str, Tensor]:
        """Return copies of the weights in main memory."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}

    def _folder(self, resume: Path | None) -> Path:
        folder = resume.parent.parent if resume else None
        if folder is None and self._is_first:
            folder = make_run_folder(self.run.base, self.args.name or "train", self.args.exist_ok)
        return distributed.gather(folder)[0] or Path()

    def _begin(self, start: Start) -> None:
        """Put the parts together where the run begins or goes on."""
        self._start: Start | None = start  # until an epoch has gone well
        run, resumed = self.run, start if isinstance(start, TrainingState) else None
        processes = distributed.world_size()
        self.batches = TrainingBatches(run, self.batch_size // processes, rank=distributed.rank(), processes=processes)
        if not isinstance(start, TrainingState):
            self.model.load_state_dict(start)
        choice = begun_choice(resumed, run.settings, len(run.model.names)) if resumed else None
        self.learner = Learner(
            run, self.device, batch=self.batch_size, batches=len(self.batches), choice=choice, tell=self._tell
        )
        self.stopping = EarlyStopping(run.settings.patience)
        if resumed:
            restore(resumed, self.learner, self.stopping)
            self.learner.criterion.advance_to(resumed.epoch + 1, run.settings.epochs)
        chosen = self.learner.choice
        self.args = replace(
            run.settings,
            optimizer=chosen.name,
            lr0=chosen.lr,
            warmup_bias_lr=chosen.warmup_bias_lr,
            batch=self.batch_size,
        )
        self.results = ResultsCsv(self.csv, resumed.results if resumed else ())
        self.epoch = resumed.epoch + 1 if resumed else 0
        last_row = self.results.rows[-1] if resumed else {}
        keys = [key for kind in kinds_of(run.model.task) for key in kind.keys]
        keys += [f"val/{name}" for name in self.loss_names]
        self.metrics = {key: last_row.get(key, 0.0) for key in keys}
        self.clock = Clock(self.args.time, last_row.get("time", 0.0))

    def _close(self) -> None:
        if hasattr(self, "batches"):
            self.batches.close()
        if hasattr(self, "learner"):
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
            losses = self._mean_losses()
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
        del self.learner
        torch.cuda.empty_cache()
        self._begin(start)

    def _train_epoch(self) -> None:
        self.learner.start_epoch()
        self._loss_sums, self._batches_done = {}, 0
        plain_from = max(self.epochs - self.args.close_mosaic, 0) if self.args.close_mosaic else self.epochs
        reading = self.batches.epoch(self.epoch, joined=self.epoch < plain_from, attempt=self.guard.attempts)
        label, count = f"epoch {self.epoch + 1}/{self.epochs}", len(self.batches)
        bar = progress_bar(label, count, shown=self.args.verbose and self._is_first)
        with reading as batches, bar as advance, self._profiled() as profiler:
            for iteration, batch in enumerate(batches, start=self.epoch * count):
                self._tell("on_train_batch_start")
                self._draw(batch, iteration, plain_from * count)
                items = self.learner.learn(batch, iteration)
                sums = self._loss_sums
                self._loss_sums = {name: sums[name] + value if sums else value for name, value in items.items()}
                self._batches_done += 1
                self._tell("on_train_batch_end")
                if profiler is not None:
                    profiler.step()
                advance(1)
                if self.clock.is_over():
                    break

    def _draw(self, batch: Batch, iteration: int, first_plain: int) -> None:
        """Write ``train_batch{iteration}.jpg`` for the first batches of all, and the first ones of plain pictures."""
        wanted = iteration < DRAWN_BATCHES or 0 <= iteration - first_plain < DRAWN_BATCHES
        if wanted and self.args.plots and self._is_first:
            path = self.save_dir / f"train_batch{iteration}.jpg"
            save_training_batch(batch, self.run.model.names, self.run.model.schema, path)

    def _profiled(self) -> AbstractContextManager[profile | None]:
        """Record what steps of the first epoch spend their time on, if asked to: ``profile.json`` and ``.txt``."""
        if not (self.args.profile and self._start is not None and self._is_first):
            return nullcontext()
        if len(self.batches) <= PROFILED_STEPS:
            few = "profile=True: %d steps per epoch are too few: %d are needed"
            LOGGER.warning(few, len(self.batches), PROFILED_STEPS + 1)
            return nullcontext()
        by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"

        def write(recording: profile) -> None:
            recording.export_chrome_trace(str(self.save_dir / "profile.json"))
            table = recording.key_averages().table(sort_by=by, row_limit=PROFILED_ROWS)
            write_whole(self.save_dir / "profile.txt", table.encode())
            LOGGER.info("profile of %d steps: %s", PROFILED_STEPS, self.save_dir / "profile.json")

        return profile(schedule=schedule(wait=0, warmup=1, active=PROFILED_STEPS, repeat=1), on_trace_ready=write)

    def _mean_losses(self) -> dict[str, float]:
        """Return the mean losses of the epoch over the batches of all processes; each of them must call this."""
        parts = distributed.gather((self._batches_done, self.tloss))
        total = sum(batches for batches, _ in parts)
        names = parts[0][1]
        return {name: sum(batches * means[name] for batches, means in parts if batches) / total for name in names}

    def _validate(self, trained: Mapping[str, float]) -> None:
        """Validate if it is time to, unless the losses of the epoch are no numbers."""
        ends = self.stop or self.epoch + 1 >= self.epochs or self.clock.is_over()
        self.fitness = None
        if not (self.args.val or ends or self.stopping.may_stop_next) or not isfinite(sum(trained.values())):
            return
        self.learner.share_statistics()
        self.validated, losses = self._measure(self.learner.ema.model, plots=False)
        self.fitness = self.validated.fitness
        results = self.validated.results_dict | losses
        self.metrics = {key: round(results[key], DIGITS) for key in self.metrics}

    def _measure(self, network: torch.nn.Module, *, plots: bool) -> tuple[Metrics, dict[str, float]]:
        """Return the metrics of a network, and its losses under their names in result files (``val/box_loss``)."""
        run = self.run
        most = max(ValSettings().max_det, int(run.val.pictures.counts.max(initial=0)))
        same = ("imgsz", "nms", "single_cls", "overlap_mask", "workers", "cache", "classes")
        settings = ValSettings(
            **{name: getattr(run.settings, name) for name in same},
            batch=2 * self.batch_size // distributed.world_size(),
            max_det=most,
            rect=True,
            plots=plots,
            name=self.save_dir.name,
            exist_ok=True,
            verbose=False,
        )
        model = run.model.validation(network, self.device, settings)
        validator = Validator(self.callbacks)
        validator.model, validator.criterion = model, self.learner.criterion
        metrics = validator.run(
            ValidationRun(settings=model.adapt(settings), split=run.val, sigmas=run.sigmas, base=self.save_dir.parent)
        )
        return metrics, {f"val/{name}": round(value, DIGITS) for name, value in validator.losses.items()}

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
        self.learner.schedule = replace(self.learner.schedule, epochs=self.epochs)  # the warm-up stays
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

    def _say(self, losses: Mapping[str, float]) -> None:
        if not self.args.verbose:
            return
        parts = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        LOGGER.info("epoch %d/%d: %s", self.epoch + 1, self.epochs, parts)
        if self.fitness is not None and self.validated is not None:
            _print(self.validated, per_class=False)

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
                save_results_plot(self.results.rows, self.save_dir / "results.png")
        distributed.gather(None)  # the others wait for the files
        self.keeper.load_best(self.model)
        self.model.eval()
        metrics, _ = self._measure(self.model, plots=self.args.plots)
        if self._is_first and self.args.verbose:
            LOGGER.info("best weights: %s", self.keeper.best if self.keeper.best.is_file() else self.keeper.last)
            _print(metrics, per_class=True)
        return metrics


def _print(metrics: Metrics, *, per_class: bool) -> None:
    for line in (header(metrics), *rows(metrics, per_class=per_class)):
        LOGGER.info("%s", line)


class TrainingProgress(SimpleNamespace):
    """How far a training is, for other processes: `rows`, and what else has the names of attributes of `Trainer`."""

    @classmethod
    def of(cls, loop: Trainer) -> "TrainingProgress":
        """Return how far a training is once everything is made ready for it."""
        names = (
            "args", "epoch", "epochs", "batch_size", "loss_names", "metrics", "fitness", "best_fitness", "save_dir",
            "wdir", "last", "best", "csv",
        )  # fmt: skip
        return cls(rows=tuple(loop.results.rows), **{name: getattr(loop, name) for name in names})
