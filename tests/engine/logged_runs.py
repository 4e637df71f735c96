"""A training as loggers see it: its settings, results and run folder, made without training."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from posekit.config.settings import TrainSettings
from posekit.engine.callbacks import call_all
from posekit.engine.results_csv import ResultsCsv


@dataclass
class Run:
    """What callbacks of loggers read of a trainer."""

    args: TrainSettings
    save_dir: Path
    best: Path
    results: ResultsCsv


def row(epoch):
    return {
        "epoch": epoch,
        "time": 2.5 * epoch,
        "train/box_loss": 1 / epoch,
        "metrics/mAP50-95(P)": 0.1 * epoch,
        "val/box_loss": 2 / epoch,
        "lr/pg0": 0.01,
    }


def new_run(folder, *, epochs=0, **settings):
    """Return a run in a folder, after some epochs."""
    folder.mkdir(exist_ok=True, parents=True)
    results = ResultsCsv(folder / "results.csv", [row(epoch) for epoch in range(1, epochs + 1)])
    return Run(TrainSettings(data="x.yaml", **settings), folder, folder / "weights" / "best.pt", results)


def train(run, callbacks, *, until=3, ends=True):
    """Let a run go through its epochs, calling back as the trainer does; without `ends` it breaks off."""
    call_all(callbacks, "on_pretrain_routine_end", run)
    for epoch in range(len(run.results.rows) + 1, until + 1):
        run.results.add(row(epoch))
        call_all(callbacks, "on_fit_epoch_end", run)
    if ends:
        run.best.parent.mkdir(exist_ok=True)
        run.best.write_bytes(b"weights")
        cv2.imwrite(str(run.save_dir / "results.png"), np.full((8, 12, 3), (200, 30, 10), np.uint8))
        call_all(callbacks, "on_train_end", run)
    call_all(callbacks, "teardown", run)
