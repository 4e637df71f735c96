"""A whole training: what it leaves behind, in which order it tells of it, and when it ends."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import posekit
from posekit import YOLO
from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.engine.callbacks import OTHER_EVENTS, PREDICT_EVENTS, call_all, check_event
from posekit.engine.results_csv import read_results
from posekit.engine.trainer import PROFILED_STEPS, Trainer
from posekit.errors import TrainingError, UnknownChoiceError
from posekit.tasks import PoseTrainer
from small_networks import SMALL, environment

RUNS = np.load(Path(__file__).parents[1] / "golden/train/runs.npz")
POSE_26, POSE_8 = str(RUNS["pose26_auto/csv_header"]), str(RUNS["pose8_sgd_cos/csv_header"])
PACKAGE = Path(posekit.__file__).parent
METRICS = "metrics/precision({0}),metrics/recall({0}),metrics/mAP50({0}),metrics/mAP50-95({0})"
RATES = "lr/pg0,lr/pg1,lr/pg2"


def header(*items):
    losses = [",".join(f"{part}/{item}" for item in items) for part in ("train", "val")]
    return ",".join(["epoch,time", losses[0], METRICS.format("B"), METRICS.format("M"), losses[1], RATES])


SEGMENT = ("box_loss", "seg_loss", "cls_loss")


EPOCH = [
    "on_train_epoch_start",
    *("on_train_batch_start", "optimizer_step", "on_params_update", "on_before_zero_grad", "on_train_batch_end") * 3,
    "on_train_epoch_end",
    "on_val_start", "on_val_batch_start", "on_val_batch_end", "on_val_end",
    "on_model_save", "on_fit_epoch_end",
]  # fmt: skip
WHOLE = [
    "on_pretrain_routine_start", "on_pretrain_routine_end", "on_train_start",
    *EPOCH * 2,
    "on_val_start", "on_val_batch_start", "on_val_batch_end", "on_val_end",
    "on_train_end", "teardown",
]  # fmt: skip


def recorded(seen, **replaced):
    return {event: lambda _, event=event: seen.append(event) for event in OTHER_EVENTS} | replaced


@pytest.fixture(scope="module")
def finished(any_training, elsewhere):
    """A run of two epochs of three batches, one per step: its trainer, its events, and what callbacks saw."""
    events, epochs, modes = [], [], []

    def note_epoch(trainer):
        events.append("on_train_epoch_end")
        epochs.append((trainer.epoch, trainer.epochs, trainer.batch_size, tuple(trainer.tloss)))

    def note_modes(trainer):
        events.append("on_train_batch_start")
        norms = [module for module in trainer.model.modules() if isinstance(module, nn.BatchNorm2d)]
        modes.append(all(module.training for module in norms))

    looking = {"on_train_epoch_end": note_epoch, "on_train_batch_start": note_modes}
    with elsewhere("finished"):
        trainer = any_training(nbs=4, callbacks=recorded(events, **looking))
        yield SimpleNamespace(trainer=trainer, events=events, epochs=epochs, modes=modes)


def test_a_run_leaves_settings_results_and_two_plain_weight_files(finished):
    trainer = finished.trainer
    assert trainer.csv.read_text().splitlines()[0] == POSE_8
    rows = read_results(trainer.csv)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert 0 < rows[0]["time"] < rows[1]["time"]
    settings = yaml.safe_load((trainer.save_dir / "args.yaml").read_text())
    assert (settings["epochs"], settings["optimizer"], settings["imgsz"]) == (2, "auto", 64)
    assert settings["save_dir"] == str(trainer.save_dir)
    assert sorted(path.name for path in trainer.wdir.iterdir()) == ["best.pt", "last.pt"]
    for path in (trainer.last, trainer.best):
        torch.load(path, weights_only=True)
        assert read_checkpoint(path).training == {}
        assert YOLO(path).task == "pose"


def test_every_event_is_told_in_its_place(finished):
    assert finished.events == WHOLE


def test_the_trainer_says_what_it_does(finished):
    trainer = finished.trainer
    assert finished.epochs == [(epoch, 2, 4, trainer.loss_names) for epoch in (0, 1)]
    assert trainer.loss_names == ("box_loss", "pose_loss", "kobj_loss", "cls_loss", "dfl_loss")
    assert trainer.data["nc"] == 1
    assert trainer.save_dir.parts[-3:] == ("runs", "pose", "train")
    assert trainer.csv == trainer.save_dir / "results.csv"
    assert trainer.best_fitness == trainer.fitness == 0.0
    row = read_results(trainer.csv)[-1]
    assert {key: row[key] for key in trainer.metrics} == pytest.approx(trainer.metrics, rel=1e-5)


def test_batch_norms_of_the_network_train_again_after_validation(finished):
    assert finished.modes == [True] * 6


@pytest.mark.parametrize(("name", "expected"), [("yolo11n-pose", POSE_8), ("yolo26n-pose", POSE_26)])
def test_results_have_the_columns_of_the_network(train, name, expected):
    trainer = train(name, epochs=1)
    assert trainer.csv.read_text().splitlines()[0] == expected
    assert YOLO(trainer.best).task == "pose"


def test_final_files_hold_half_the_bytes_and_are_what_was_measured(train):
    """Files to resume from stay in 32 bits: a callback looks at them."""
    kept, measured = [], []

    def measure(validator):
        measured.append({name: tensor.clone() for name, tensor in validator.model.network.state_dict().items()})

    def keep(trainer):
        kept.append(torch.load(trainer.last, weights_only=True))

    trainer = train(epochs=1, callbacks={"on_model_save": keep, "on_val_start": measure})
    for path in (trainer.last, trainer.best):
        final = torch.load(path, weights_only=True)["state"]
        for name, tensor in final.items():
            whole = kept[0]["state"][name]
            if tensor.is_floating_point():
                assert (tensor.dtype, whole.dtype) == (torch.float16, torch.float32)
                assert torch.equal(tensor, whole.half())
            assert torch.equal(measured[-1][name], tensor.to(whole.dtype))
    state = kept[0]["training"]
    assert {tensor.dtype for tensor in state["model"].values() if tensor.is_floating_point()} == {torch.float32}
    assert YOLO(trainer.best).model.get_parameter("model.0.conv.weight").dtype == torch.float32


def test_values_too_large_for_16_bits_stay_in_32(train):
    def enlarge(trainer):
        trainer.learner.ema.model.model[0].bn.running_var.fill_(1e6)

    trainer = train(epochs=1, callbacks={"on_train_epoch_end": enlarge})
    final = torch.load(trainer.last, weights_only=True)["state"]
    assert final["model.0.bn.running_var"].dtype == torch.float32
    assert (final["model.0.bn.running_var"] == 1e6).all()
    assert final["model.1.bn.running_var"].dtype == torch.float16


@pytest.mark.parametrize(
    ("name", "items"),
    [("yolov8n-seg", (*SEGMENT, "dfl_loss", "sem_loss")), ("yolo26n-seg", (*SEGMENT, "l1_loss", "sem_loss"))],
)
def test_the_results_of_segmentation_have_the_columns_of_masks(train, outlines, name, items):
    trainer = train(name, data=str(outlines), epochs=1)
    assert trainer.csv.read_text().splitlines()[0] == header(*items)


def test_figures_show_labels_batches_and_the_course_of_the_run(train):
    trainer = train(plots=True, epochs=3, close_mosaic=1)
    names = {path.name for path in trainer.save_dir.iterdir()}
    assert names >= {"labels.jpg", "results.png", "confusion_matrix.png", "BoxPR_curve.png", "PosePR_curve.png"}
    drawn = {name for name in names if name.startswith("train_batch")}
    assert drawn == {f"train_batch{number}.jpg" for number in (0, 1, 2, 6, 7, 8)}


class Rated(Trainer):
    """A loop whose epochs have a fitness of the test's choice: networks of a second find nothing yet."""

    ratings = (0.1, 0.3, 0.2, 0.3, 0.1)

    def _validate(self, trained):
        super()._validate(trained)
        if self.fitness is not None:
            self.fitness = self.ratings[self.epoch]


class RatedTrainer(PoseTrainer):
    """Trains with it."""

    loop = Rated


def test_the_best_epoch_is_kept_and_a_later_tie_takes_its_place(here, definition, people):
    kept, model = [], YOLO(definition())
    model.add_callback("on_model_save", lambda trainer: kept.append(read_checkpoint(trainer.best).training["epoch"]))
    model.train(trainer=RatedTrainer, data=str(people), **(SMALL | {"epochs": 5}))
    assert kept == [0, 1, 1, 3, 3]
    assert model.trainer.best_fitness == 0.3
    assert model.ckpt_path == str(model.trainer.best)


@pytest.mark.parametrize(("patience", "epochs"), [(0, 5), (1, 3), (2, 4), (3, 5)])
def test_patience_ends_a_run_that_no_longer_gets_better(here, definition, people, patience, epochs):
    """The best epoch is the second; without val, epochs are validated from when patience may be over."""
    model = YOLO(definition())
    model.train(trainer=RatedTrainer, data=str(people), patience=patience, **(SMALL | {"epochs": 5}))
    assert len(read_results(model.trainer.csv)) == epochs


def test_steps_are_told_when_they_are_taken(train):
    """After the warm-up, one step in two batches; what waits at the end of an epoch goes into the next."""
    seen = []
    train(nbs=8, warmup_epochs=0.0, callbacks=recorded(seen))
    counts = Counter(seen)
    assert (counts["on_train_batch_end"], counts["optimizer_step"]) == (6, 3)
    assert counts["on_before_zero_grad"] == counts["on_params_update"] == 3


def test_what_a_step_does_lies_between_its_events(train):
    seen = {}

    def note(event):
        def callback(trainer):
            weight = trainer.model.get_parameter("model.0.conv.weight")
            seen.setdefault(event, (weight.detach().clone(), None if weight.grad is None else weight.grad.clone()))

        return callback

    events = ("optimizer_step", "on_params_update", "on_before_zero_grad", "on_train_batch_end")
    train(optimizer="SGD", warmup_epochs=0.0, nbs=4, epochs=1, callbacks={event: note(event) for event in events})
    (before, gradient), (moved, _), (same, _), (_, dropped) = (seen[event] for event in events)
    assert gradient is not None
    assert not torch.equal(before, moved)
    assert torch.equal(moved, same)
    assert dropped is None


@pytest.mark.parametrize("event", ["on_pretrain_routine_end", "on_train_batch_end", "on_fit_epoch_end"])
def test_teardown_is_told_also_when_training_fails(train, event):
    seen = []

    def fail(_):
        raise ArithmeticError("made up")

    with pytest.raises(ArithmeticError, match="made up"):
        train(callbacks=recorded(seen, **{event: fail}))
    assert seen[-1] == "teardown"
    assert seen.count("teardown") == 1
    assert "on_train_end" not in seen


def test_one_step_goes_through_few_files(train):
    """Pictures are made ready in other threads, which are not looked at."""
    files = set()

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            files.add(frame.f_code.co_filename)

    def watch(trainer):
        sys.setprofile(note if trainer.epoch else None)

    events = {"on_train_batch_start": watch, "on_train_batch_end": lambda _: sys.setprofile(None)}
    train("yolo26n-pose", nbs=4, val=False, callbacks=events)
    assert 0 < len(files) <= 15, sorted(files)


def test_a_callback_can_end_the_run(train):
    def enough(trainer):
        trainer.stop = trainer.epoch == 1

    trainer = train(epochs=9, callbacks={"on_train_epoch_end": enough})
    assert len(read_results(trainer.csv)) == 2


def test_without_val_only_the_last_epoch_is_validated(train):
    seen = []
    trainer = train(val=False, epochs=3, callbacks=recorded(seen))
    assert seen.count("on_val_end") == 2  # the last epoch, and the best weights
    rows = read_results(trainer.csv)
    assert [row["val/box_loss"] > 0 for row in rows] == [False, False, True]
    assert trainer.csv.read_text().splitlines()[0] == POSE_8
    assert trainer.best.is_file()


def test_without_save_only_the_end_is_written(train):
    seen = []
    trainer = train(save=False, epochs=3, callbacks=recorded(seen))
    assert seen.count("on_model_save") == 1
    assert read_checkpoint(trainer.last).training == {}


def test_every_nth_epoch_is_kept_on_request(train):
    trainer = train(save_period=2, epochs=4)
    assert sorted(path.name for path in trainer.wdir.iterdir()) == ["best.pt", "epoch0.pt", "epoch2.pt", "last.pt"]
    assert read_checkpoint(trainer.wdir / "epoch2.pt").training["epoch"] == 2


def test_a_time_limit_takes_the_place_of_epochs(train):
    """A tenth of a second, then an hour: what a run has learned by then is validated and kept."""
    short = train(time=0.1 / 3600, epochs=100)
    assert len(read_results(short.csv)) <= 2
    assert short.best.is_file()

    def enough(trainer):
        trainer.stop = trainer.epoch == 2

    longer = train(time=1, epochs=1, val=False, callbacks={"on_train_epoch_end": enough})
    rows = read_results(longer.csv)
    assert len(rows) == 3
    assert rows[-1]["lr/pg0"] != rows[0]["lr/pg0"]


def break_weights(trainer):
    with torch.no_grad():
        trainer.model.get_parameter("model.0.conv.weight").fill_(float("nan"))


def test_losses_that_are_no_numbers_lead_back_to_the_last_checkpoint(train):
    begun = []

    def once(trainer):
        begun.append(trainer.epoch)
        if begun == [0, 1]:
            break_weights(trainer)

    trainer = train(epochs=3, callbacks={"on_train_epoch_start": once})
    assert begun == [0, 1, 1, 2]
    rows = read_results(trainer.csv)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert np.isfinite([list(row.values()) for row in rows]).all()


def test_a_run_whose_losses_stay_no_numbers_ends_and_keeps_the_last_good_state(train):
    begun, kept = [], []

    def always(trainer):
        begun.append(trainer.epoch)
        kept.append(trainer.last)
        if trainer.epoch == 1:
            break_weights(trainer)

    with pytest.raises(TrainingError, match=r"epoch 2: loss is nan, also after 3 returns .* lower lr0"):
        train(epochs=3, callbacks={"on_train_epoch_start": always})
    assert begun == [0, 1, 1, 1, 1]
    state = read_checkpoint(kept[0])
    assert state.training["epoch"] == 0
    assert all(torch.isfinite(tensor).all() for tensor in state.state.values())


def test_without_checkpoints_there_is_none_to_return_to(train):
    def late(trainer):
        if trainer.epoch == 1:
            break_weights(trainer)

    with pytest.raises(TrainingError, match="with save=False there is no checkpoint to return to"):
        train(save=False, callbacks={"on_train_epoch_start": late})


def run_out_above(batch, begun):
    def callback(trainer):
        begun.append((trainer.epoch, trainer.batch_size))
        if trainer.batch_size > batch:
            raise torch.OutOfMemoryError("made up")

    return callback


def test_batches_that_do_not_fit_are_halved_and_the_run_begins_anew(train):
    begun = []
    smaller = train(batch=8, nbs=8, name="small", callbacks={"on_train_batch_end": run_out_above(2, begun)})
    assert begun[:4] == [(0, 8), (0, 4), (0, 2), (0, 2)]
    assert smaller.batch_size == 2
    same = train(batch=2, nbs=8, name="same")
    rows = [[row | {"time": 0} for row in read_results(trainer.csv)] for trainer in (smaller, same)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(("batch", "tried"), [(10, [10, 5, 2, 1]), (2, [2, 1])])
def test_memory_that_does_not_suffice_for_any_batch_ends_the_run(train, batch, tried):
    begun = []
    with pytest.raises(TrainingError, match=r"out of memory in epoch 1: lower batch \(1 now\) or imgsz"):
        train(batch=batch, callbacks={"on_train_batch_start": run_out_above(0, begun)})
    assert [size for _, size in begun] == tried


def test_memory_that_runs_out_later_ends_the_run_and_keeps_the_last_state(train):
    def late(trainer):
        if trainer.epoch == 1:
            raise torch.OutOfMemoryError("made up")

    kept = []
    with pytest.raises(TrainingError, match=r"out of memory in epoch 2.*earlier epochs are kept"):
        train(callbacks={"on_train_batch_start": late, "on_model_save": lambda trainer: kept.append(trainer.last)})
    assert read_checkpoint(kept[0]).training["epoch"] == 0


def test_a_full_disk_ends_the_run_and_keeps_the_last_good_state(here, definition, people, tmp_path):
    """From the second epoch on no file may be longer than 20 kB, as if the disk were full."""
    script = tmp_path / "full.py"
    script.write_text(FULL_DISK)
    words = [sys.executable, str(script), str(definition()), str(people)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, cwd=here)
    assert "OutputError: runs/pose/train/weights/" in done.stderr.splitlines()[-1]
    assert "was not written: is the disk full" in done.stderr.splitlines()[-1]
    weights = here / "runs/pose/train/weights"
    assert sorted(path.name for path in weights.iterdir()) == ["best.pt", "last.pt"]
    assert read_checkpoint(weights / "last.pt").training["epoch"] == 0


FULL_DISK = """
import resource, sys
from posekit import YOLO

def fill(trainer):
    if trainer.epoch == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

model, data = YOLO(sys.argv[1]), sys.argv[2]
model.add_callback("on_train_epoch_start", fill)
model.train(data=data, imgsz=64, batch=4, epochs=3, device="cpu", workers=0, plots=False, verbose=False)
"""


def test_a_training_leaves_a_trace_and_a_table_of_some_steps(train):
    trainer = train(profile=True, batch=2, epochs=2)
    events = json.loads((trainer.save_dir / "profile.json").read_text())["traceEvents"]
    assert any(event["name"].startswith("aten::conv") for event in events)
    steps = {event["name"] for event in events if event["name"].startswith("ProfilerStep")}
    assert len(steps) == PROFILED_STEPS
    assert "aten::" in (trainer.save_dir / "profile.txt").read_text()


def test_too_few_steps_are_said(train, caplog):
    trainer = train(profile=True, epochs=1)
    assert "profile=True: 3 steps per epoch are too few: 4 are needed" in caplog.text
    assert not (trainer.save_dir / "profile.json").exists()


def test_a_step_that_fails_ends_the_recording(train):
    def fail(_):
        raise ArithmeticError("made up")

    with pytest.raises(ArithmeticError, match="made up"):
        train(profile=True, batch=2, epochs=1, callbacks={"on_train_batch_end": fail})
    assert (train(profile=True, batch=2, epochs=1).save_dir / "profile.json").is_file()


def test_every_event_has_one_name():
    events = [*PREDICT_EVENTS, *OTHER_EVENTS]
    assert [check_event(event) for event in events] == events
    assert len(set(events)) == len(events)


def test_another_name_is_an_error_that_existing_code_catches():
    with pytest.raises(AssertionError, match="did you mean 'on_train_start'"):
        check_event("on_train_begin_start")
    with pytest.raises(UnknownChoiceError, match=r"known are .*on_export_end"):
        check_event("")


def test_only_the_functions_of_the_event_are_called_each_with_the_subject():
    called = []
    callbacks = {"on_predict_end": [called.append, lambda subject: called.append((subject, 2))], "teardown": [print]}
    call_all(callbacks, "on_predict_end", "subject")
    call_all(callbacks, "on_predict_start", "subject")
    assert called == ["subject", ("subject", 2)]


def test_a_function_that_removes_itself_does_not_hide_the_next():
    called = []
    callbacks = {"teardown": [lambda _: callbacks["teardown"].pop(0), called.append]}
    call_all(callbacks, "teardown", 1)
    assert called == [1]
