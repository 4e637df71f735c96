"""Interrupted runs: they end as if nothing had happened, to the last bit."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.checkpoint.training_state import training_of
from posekit.engine.results_csv import read_results
from posekit.errors import CheckpointError, SettingError
from small_networks import different, environment

EPOCHS = 3
# Steps of two batches straddle epochs of three, and mosaic ends on the way.
LONGER = {"epochs": EPOCHS, "nbs": 8, "warmup_epochs": 1.0, "close_mosaic": 1}


class Interrupted(Exception):
    """Raised by a callback."""


def last_states(train, **settings):
    """Train, and return the whole state after the last epoch but the time it took, and the final weights."""
    states = []
    callbacks = settings.pop("callbacks", {})

    def keep(trainer):
        states.append(training_of(read_checkpoint(trainer.last)))

    trainer = train(callbacks={"on_model_save": keep, **callbacks}, **settings)
    values = vars(states[-1])
    del values["random"]["python"]  # training draws nothing from it, but some package does when it is imported
    values["results"] = [{key: value for key, value in row.items() if key != "time"} for row in values["results"]]
    table = [row | {"time": 0.0} for row in read_results(trainer.csv)]
    return trainer, (values, table, read_checkpoint(trainer.last).state, read_checkpoint(trainer.best).state)


def interrupt(train, event, epoch, **settings):
    """Begin a training that fails at an event of an epoch; return where its last checkpoint is."""
    last = []

    def fail(trainer):
        last[:] = [trainer.last]
        if trainer.epoch == epoch:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(callbacks={event: fail}, **settings)
    return last[0]


@pytest.fixture(scope="module")
def in_peace(any_training, elsewhere):
    """What a run that was not interrupted comes to."""
    with elsewhere("peace"):
        return last_states(any_training, **LONGER)[1]


@pytest.fixture(scope="module")
def halfway(any_training, elsewhere):
    """A folder of runs whose only one was interrupted after its second epoch."""
    with elsewhere("halfway") as folder:
        interrupt(any_training, "on_fit_epoch_end", 1, **LONGER)
        return folder / "runs"


@pytest.fixture
def begun(halfway, here):
    """The last checkpoint of that run, in a copy of its own."""
    shutil.copytree(halfway, here / "runs")
    return Path("runs/pose/train/weights/last.pt")


@pytest.mark.parametrize(
    ("network", "event", "epoch", "settings"),
    [
        ("yolov8n-pose", "on_fit_epoch_end", 0, {"optimizer": "SGD"}),
        ("yolov8n-pose", "on_train_batch_end", 2, {"multi_scale": 0.5, "cos_lr": True}),
        ("yolo26n-pose", "on_train_epoch_end", 1, {"optimizer": "MuSGD"}),
    ],
)
def test_a_resumed_run_ends_like_one_that_was_not_interrupted(train, network, event, epoch, settings):
    _, whole = last_states(train, network=network, **LONGER, **settings)
    last = interrupt(train, event, epoch, network=network, **LONGER, **settings)
    torch.manual_seed(99)
    trainer, resumed = last_states(train, model=last, resume=True)
    assert trainer.last == last
    assert different(resumed, whole) == []


def test_a_run_interrupted_twice_ends_like_one_that_was_not(train, in_peace):
    last = interrupt(train, "on_train_batch_start", 1, **LONGER)
    interrupt(train, "on_train_batch_start", 2, model=last, resume=True)
    _, resumed = last_states(train, resume=str(last))
    assert different(resumed, in_peace) == []


def test_more_epochs_may_be_asked_for_but_not_fewer_than_are_done(train, begun):
    """The schedule is that of the longer run from then on; what is done is done."""
    with pytest.raises(SettingError, match="has 2 epochs behind it already; name a larger number"):
        train(model=begun, resume=True, epochs=1)
    trainer, (state, table, *_) = last_states(train, model=begun, resume=True, epochs=5)
    assert [row["epoch"] for row in table] == [1, 2, 3, 4, 5]
    assert state["epoch"] == 4
    assert yaml.safe_load((trainer.save_dir / "args.yaml").read_text())["epochs"] == 5


def test_the_optimiser_of_a_run_stays_when_more_epochs_would_choose_another(train, begun):
    epochs = []

    def stop(trainer):
        epochs.append(trainer.epochs)
        trainer.stop = True

    trainer = train(model=begun, resume=True, epochs=20_000, callbacks={"on_train_epoch_start": stop})
    assert epochs == [20_000]
    assert trainer.learner.choice.name == "AdamW"


def test_a_finished_run_is_not_resumed_by_its_file_and_its_model_begins_a_new_one(train, caplog):
    trainer = train(epochs=1)
    with pytest.raises(SettingError, match="this run was finished, or the file was not written by a training"):
        train(resume=str(trainer.last))
    again = train(model=trainer.last, resume=True, epochs=1)
    assert again.save_dir.name == "train2"
    assert "is of a finished run: starting a new one" in caplog.text


def test_a_run_interrupted_in_its_final_evaluation_is_finished(train, in_peace):
    """All epochs are done, and the files not yet made plain."""
    last = interrupt(train, "on_fit_epoch_end", EPOCHS - 1, **LONGER)
    trainer = train(model=last, resume=True)
    assert read_checkpoint(trainer.last).training == {}
    assert different(read_checkpoint(trainer.last).state, in_peace[2]) == []
    assert different(read_checkpoint(trainer.best).state, in_peace[3]) == []


def test_a_run_that_patience_had_ended_is_not_trained_any_further(train, begun):
    trainer = train(model=begun, resume=True, patience=1, callbacks={"on_pretrain_routine_end": mark_first_as_best})
    assert len(read_results(trainer.csv)) == 2


def mark_first_as_best(trainer):
    trainer.stopping.best_fitness, trainer.stopping.best_epoch = 0.5, 1


def test_what_may_not_change_stays_with_a_warning(train, begun, caplog):
    trainer = train(model=begun, resume=True, lr0=0.5, patience=7)
    assert trainer.run.settings.lr0 == 0.01  # args hold what auto chose
    assert trainer.args.patience == 7
    assert "resume=True does not change lr0: the run goes on as it began" in caplog.text


def test_there_must_be_something_to_resume(train, definition):
    with pytest.raises(SettingError, match=r"load the model from weights/last\.pt of the interrupted run"):
        train(resume=True)
    with pytest.raises(SettingError, match="name that file"):
        train(resume="nowhere/last.pt")


def test_a_damaged_checkpoint_is_refused(train, begun):
    begun.write_bytes(begun.read_bytes()[:5000])
    with pytest.raises(CheckpointError):
        train(resume=str(begun))


def test_half_written_files_of_a_killed_process_are_removed(train, begun):
    left = begun.with_name(".last.pt.0123456789ab.tmp")
    shutil.copy(begun, left)
    train(model=begun, resume=True)
    assert not left.exists()


TRAINING = """
import sys
from pathlib import Path
import torch
from posekit import YOLO

torch.set_num_threads(1)
model, data, epochs = sys.argv[1:]
last = Path("runs/pose/train/weights/last.pt")
settings = {"resume": True} if last.is_file() else {
    "data": data, "imgsz": 64, "batch": 4, "epochs": int(epochs), "device": "cpu", "workers": 0, "plots": False,
    "verbose": False, "exist_ok": True, "nbs": 8,
}
YOLO(last if last.is_file() else model).train(**settings)
"""


def test_killed_at_any_moment_and_resumed_the_weights_are_those_of_a_run_in_peace(here, definition, people, tmp_path):
    """The short form of ``benchmarks/kill_and_resume.py``: two kills."""
    script, moments = tmp_path / "training.py", random.Random(4)
    script.write_text(TRAINING)
    words = [sys.executable, str(script), str(definition()), str(people), "4"]
    peace, killed = here / "peace", here / "killed"
    for folder in (peace, killed):
        folder.mkdir()
    began = time.monotonic()
    subprocess.run(words, cwd=peace, env=environment(), check=True)
    whole, kills = time.monotonic() - began, 0
    while kills < 2:
        process = subprocess.Popen(words, cwd=killed, env=environment())
        try:
            process.wait(moments.uniform(0.5, 0.9) * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        last = killed / "runs/pose/train/weights/last.pt"
        if last.is_file() and not read_checkpoint(last).training:
            break
    subprocess.run(words, cwd=killed, env=environment(), check=True)
    weights = [read_checkpoint(folder / "runs/pose/train/weights/last.pt").state for folder in (peace, killed)]
    assert different(*weights) == []
