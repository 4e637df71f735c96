"""One of several processes that `posekit.engine.launch` has started, from its first to its last line."""

import os
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from posekit.api import YOLO
from posekit.config.settings import BenchmarkSettings
from posekit.engine.distributed import rank
from posekit.engine.launch import ANSWER, FAILURE, JOB, PROGRESS, Exchange, Failure, Job, model_path
from posekit.engine.trainer import Trainer, TrainingProgress
from posekit.export.benchmark import measure_format
from posekit.log import LOGGER, show_log
from posekit.metrics.report import Metrics
from posekit.metrics.tabular import Row
from posekit.models.opening import open_model
from posekit.tasks import TRAINERS

FAILED = 1
INTERRUPTED = 128 + signal.SIGINT


def main(folder: str) -> int:
    """Do the job that lies in a folder; return the exit status: 0, 1 when it failed, 130 when interrupted."""
    threading.Thread(target=_end_with_starter, args=(folder,), daemon=True).start()
    # An interruption comes once at most, and may come while a failure is being told: whatever it meets lies in here.
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = _status_of_job(Exchange(Path(folder)))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _status_of_job(exchange: Exchange) -> int:
    try:
        with show_log():
            answer = _do(exchange.get(JOB), exchange)
        if rank() == 0:
            exchange.put(ANSWER, answer)
    except Exception as error:  # noqa: BLE001  # raised again by the process that has started this one
        exchange.put(f"{FAILURE}{os.environ['RANK']}", Failure.of(error))
        return FAILED
    return 0


def _do(job: Job, exchange: Exchange) -> Any:
    LOGGER.setLevel(job.log_level)
    return MODES[job.mode](job, exchange)


def _train(job: Job, exchange: Exchange) -> Metrics:
    def tell(loop: Trainer) -> None:
        if rank() == 0:
            exchange.put(PROGRESS, TrainingProgress.of(loop))

    callbacks: dict[str, list[Callable[[Any], None]]] = {
        event: [tell] for event in ("on_pretrain_routine_end", "on_fit_epoch_end", "on_train_end")
    }
    trainer = TRAINERS[job.task](overrides=job.settings, _callbacks=callbacks)
    opened = open_model(str(model_path(exchange)))
    trainer.start = replace(opened, checkpoint=None, trained=job.trained)
    return trainer.train()


def _validate(job: Job, exchange: Exchange) -> Metrics:
    return YOLO(model_path(exchange)).val(**job.settings)


def _benchmark(job: Job, exchange: Exchange) -> Row:
    asked = job.settings
    settings, target = BenchmarkSettings(**asked["settings"]), asked["target"]
    return measure_format(
        asked["name"], settings, model_path(exchange), target, lambda row: exchange.put(PROGRESS, row)
    )


MODES: dict[str, Callable[[Job, Exchange], Any]] = {"train": _train, "val": _validate, "benchmark": _benchmark}


def _end_with_starter(folder: str) -> None:
    """Wait for the end of the process that has started this one, which holds the other end of standard input."""
    while os.read(0, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # nobody else is left to do it
    os._exit(FAILED)
