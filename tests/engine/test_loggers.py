"""Loggers: what is logged, to each service, and that a failing one costs one warning."""

import logging
import os
import subprocess
import sys
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import mlflow
import pytest
import wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.logged_runs import new_run, train
from posekit.config.settings import TrainSettings
from posekit.config.user import UserSettings
from posekit.engine.callbacks import call_all, check_event
from posekit.engine.loggers import (
    GuardedLogger,
    figures,
    known_run_id,
    last_epoch,
    last_values,
    open_loggers,
    plain_name,
    plain_settings,
    project_name,
    remember_run_id,
    tables,
)
from posekit.errors import MissingExtraError


def test_without_switches_nothing_is_called():
    assert open_loggers(UserSettings()) == {}


def test_loggers_follow_events_of_the_trainer():
    callbacks = open_loggers(UserSettings(tensorboard=True, mlflow=True))
    assert {len(functions) for functions in callbacks.values()} == {2}
    assert all(check_event(event) for event in callbacks)


@pytest.mark.parametrize(
    ("switch", "modules"),
    [
        ("tensorboard", ("tensorboard", "torch.utils.tensorboard")),
        ("wandb", ("wandb",)),
        ("mlflow", ("mlflow", "mlflow.tracking")),
    ],
)
def test_a_missing_package_is_told_with_its_extra(switch, modules, monkeypatch):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "posekit\[{switch}\]"'):
        open_loggers(UserSettings(**{switch: True}))


def test_a_folder_that_offline_runs_leave_behind_is_no_package(tmp_path):
    (tmp_path / "wandb").mkdir()
    code = (
        "import sys\n"
        "from posekit.config.user import UserSettings\n"
        "from posekit.engine.loggers import open_loggers\n"
        f"sys.path[:] = [{str(tmp_path)!r}]\n"
        "try: open_loggers(UserSettings(wandb=True))\n"
        "except ImportError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == 'Weights & Biases logging needs the package wandb: pip install "posekit[wandb]"'


class Diary:
    """A logger that notes what it was asked, and fails from one of the steps on."""

    service = "Diary"

    def __init__(self, fails_at=None, error=None):
        self.steps = []
        self._fails_at = fails_at
        self._error = error or OSError("the pen\nis dry")

    def _note(self, step):
        self.steps.append(step)
        if step == self._fails_at:
            raise self._error

    def start(self, trainer):
        self._note("start")

    def log_epoch(self, trainer):
        self._note("log_epoch")

    def finish(self, trainer):
        self._note("finish")

    def close(self):
        self._note("close")


EVENTS = ("on_pretrain_routine_end", "on_fit_epoch_end", "on_fit_epoch_end", "on_train_end", "teardown")


def run_through(diary, folder):
    callbacks = {event: [callback] for event, callback in GuardedLogger(diary).callbacks().items()}
    for event in EVENTS:
        call_all(callbacks, event, new_run(folder))
    return diary.steps


def test_all_steps_are_passed_on_in_order(tmp_path):
    assert run_through(Diary(), tmp_path) == ["start", "log_epoch", "log_epoch", "finish", "close"]


@pytest.mark.parametrize(("step", "asked"), [("start", 1), ("log_epoch", 2), ("finish", 4), ("close", 5)])
def test_the_first_failure_is_warned_of_and_the_last_step(step, asked, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert len(run_through(Diary(step), tmp_path)) == asked
    (record,) = caplog.records
    assert record.getMessage() == (
        "Diary: nothing more is logged to it, the training goes on (OSError: the pen is dry)"
    )


def test_a_user_who_interrupts_is_heard(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_through(Diary("log_epoch", KeyboardInterrupt()), tmp_path)


def test_settings_are_numbers_switches_and_texts(tmp_path):
    settings = plain_settings(new_run(tmp_path, epochs=0, classes=[0, 2], cos_lr=True))
    assert settings["cos_lr"] is True
    assert settings["lr0"] == 0.01
    assert "0, 2" in settings["classes"]
    assert settings["project"] == "None"
    assert {type(value) for value in settings.values()} <= {str, int, float, bool}


def test_the_epoch_is_the_step_and_no_value(tmp_path):
    run = new_run(tmp_path, epochs=2)
    assert last_epoch(run) == 2
    assert last_epoch(new_run(tmp_path)) == 0
    assert last_values(run)["train/box_loss"] == 0.5
    assert "epoch" not in last_values(run)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("metrics/mAP50-95(P)", "metrics/mAP50-95_P"),
        ("train/box_loss", "train/box_loss"),
        ("lr/pg0", "lr/pg0"),
        ("a(b c)#", "a_b_c__"),
    ],
)
def test_names_have_letters_that_every_service_takes(column, name):
    assert plain_name(column) == name


@pytest.mark.parametrize(
    ("project", "name"), [(None, "posekit"), ("fish", "fish"), ("../runs/a b", "runs-a-b"), ("/", "posekit")]
)
def test_projects_are_named_by_their_folder(project, name, tmp_path):
    assert project_name(new_run(tmp_path, project=project)) == name


def test_files_are_told_apart_and_ordered(tmp_path):
    for name in ("b.png", "a.jpg", "results.csv", "args.yaml", "note.txt"):
        (tmp_path / name).write_text("")
    run = new_run(tmp_path)
    assert [path.name for path in figures(run)] == ["a.jpg", "b.png"]
    assert [path.name for path in tables(run)] == ["args.yaml", "results.csv"]


def test_a_resumed_run_is_known_and_a_new_one_in_its_folder_is_not(tmp_path):
    remember_run_id(new_run(tmp_path), "wandb", "abc1")
    assert known_run_id(new_run(tmp_path, epochs=2), "wandb") == "abc1"
    assert known_run_id(new_run(tmp_path), "wandb") is None
    assert known_run_id(new_run(tmp_path, epochs=2), "mlflow") is None


def test_an_empty_file_names_no_run(tmp_path):
    (tmp_path / "wandb_run.txt").write_text("\n")
    assert known_run_id(new_run(tmp_path, epochs=1), "wandb") is None


TENSORBOARD = UserSettings(tensorboard=True)


def read(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def values(events, tag):
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_values_settings_and_figures_are_read_back(tmp_path):
    train(new_run(tmp_path), open_loggers(TENSORBOARD))
    events = read(tmp_path)
    assert set(events.Tags()["scalars"]) == {
        "time", "train/box_loss", "metrics/mAP50-95_P", "val/box_loss", "lr/pg0"
    }  # fmt: skip
    assert values(events, "train/box_loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    (settings,) = events.Tensors("settings/text_summary")
    assert b"lr0: 0.01" in settings.tensor_proto.string_val[0]
    (figure,) = events.Images("figures/results")
    assert (figure.width, figure.height, figure.step) == (12, 8, 3)


def test_values_are_on_disk_after_each_epoch(tmp_path):
    callbacks = open_loggers(TENSORBOARD)
    run = new_run(tmp_path)
    callbacks["on_pretrain_routine_end"][0](run)
    for epoch in (1, 2):
        run.results.add({"epoch": epoch, "train/box_loss": 0.5})
        callbacks["on_fit_epoch_end"][0](run)
        assert len(values(read(tmp_path), "train/box_loss")) == epoch
    callbacks["teardown"][0](run)


def test_a_resumed_training_goes_on_where_its_results_end(tmp_path):
    train(new_run(tmp_path), open_loggers(TENSORBOARD), until=4, ends=False)
    # The checkpoint is of epoch 2: epochs 3 and 4 come again.
    train(new_run(tmp_path, epochs=2), open_loggers(TENSORBOARD), until=5)
    assert [step for step, _ in values(read(tmp_path), "train/box_loss")] == [1, 2, 3, 4, 5]


def test_a_folder_that_vanishes_costs_a_warning(tmp_path, caplog):
    run = new_run(tmp_path / "run")
    (tmp_path / "file").write_text("")
    run.save_dir = tmp_path / "file"
    open_loggers(TENSORBOARD)["on_pretrain_routine_end"][0](run)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["TensorBoard"]


WANDB = UserSettings(wandb=True)


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """Nothing is sent anywhere, and nothing of the user's is read."""
    for name, value in (("MODE", "offline"), ("SILENT", "true"), ("ERROR_REPORTING", "false"), ("CONSOLE", "off")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    for name in ("CONFIG_DIR", "CACHE_DIR", "DATA_DIR", "ARTIFACT_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "own"))


def stored(folder):
    """Return the bytes of all offline runs, once the package has written them; texts stand in them as they are."""
    wandb.teardown()
    return [path.read_bytes() for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))]


def test_settings_values_and_files_are_stored(tmp_path):
    folder = tmp_path / "train7"
    train(new_run(folder, project="fish"), open_loggers(WANDB))
    (content,) = stored(folder)
    for text in (b"fish", b"train7", b"lr0", b"metrics/mAP50-95(P)", b"train/box_loss", b"best.pt", b"results.csv"):
        assert text in content
    (figure,) = folder.glob("wandb/offline-run-*/files/media/images/figures/results_*.png")
    assert figure.read_bytes() == (folder / "results.png").read_bytes()


def test_a_resumed_training_goes_on_with_its_run(tmp_path):
    train(new_run(tmp_path), open_loggers(WANDB), until=2, ends=False)
    first = (tmp_path / "wandb_run.txt").read_text()
    train(new_run(tmp_path, epochs=2), open_loggers(WANDB), until=4)
    assert (tmp_path / "wandb_run.txt").read_text() == first
    assert all(first.encode() in content for content in stored(tmp_path))


def test_a_server_that_cannot_be_reached_costs_one_warning(tmp_path):
    """In a process of its own: the package reads its variables once."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from engine.logged_runs import new_run, train\n"
        "from posekit.config.user import UserSettings\n"
        "from posekit.engine.loggers import open_loggers\n"
        "train(new_run(Path(sys.argv[1])), open_loggers(UserSettings(wandb=True)))\n"
    )
    unreachable = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "WANDB_MODE": "online",
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": "http://127.0.0.1:9",
        "WANDB_INIT_TIMEOUT": "2",
    }
    command = [sys.executable, "-c", code, str(tmp_path / "train")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | unreachable).stderr
    start = "Weights & Biases: nothing more is logged to it, the training goes on ("
    assert [line.startswith(start) for line in said.splitlines() if "Biases" in line] == [True]
    assert (tmp_path / "train" / "results.csv").is_file()


MLFLOW = UserSettings(mlflow=True)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A store of files; the package would rather have a data base."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())


def logged(folder):
    client = mlflow.MlflowClient()
    return client, client.get_run((folder / "mlflow_run.txt").read_text())


def history(client, run, name):
    return [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]


def test_settings_values_and_files_are_read_back(tmp_path):
    folder = tmp_path / "train7"
    train(new_run(folder, project="fish"), open_loggers(MLFLOW))
    client, run = logged(folder)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "train7"
    assert client.get_experiment(run.info.experiment_id).name == "fish"
    assert run.data.params["lr0"] == "0.01"
    assert len(run.data.params) == len(fields(TrainSettings))
    assert history(client, run, "metrics/mAP50-95_P") == [(1, 0.1), (2, 0.2), (3, pytest.approx(0.3))]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["results.csv", "results.png", "weights"]
    assert [file.path for file in client.list_artifacts(run.info.run_id, "weights")] == ["weights/best.pt"]


def test_a_training_that_breaks_off_is_failed_and_its_resumption_the_same_run(tmp_path):
    folder = tmp_path / "train"
    train(new_run(folder), open_loggers(MLFLOW), until=2, ends=False)
    _, broken = logged(folder)
    assert broken.info.status == "FAILED"
    train(new_run(folder, epochs=2), open_loggers(MLFLOW), until=4)
    client, run = logged(folder)
    assert run.info.run_id == broken.info.run_id
    assert run.info.status == "FINISHED"
    assert [step for step, _ in history(client, run, "train/box_loss")] == [1, 2, 3, 4]


def test_a_training_within_a_run_of_the_user_is_its_child(tmp_path):
    experiment = mlflow.create_experiment("sweep")
    with mlflow.start_run(experiment_id=experiment) as parent:
        train(new_run(tmp_path / "train"), open_loggers(MLFLOW))
        assert mlflow.active_run().info.run_id == parent.info.run_id
    _, run = logged(tmp_path / "train")
    assert run.info.experiment_id == experiment
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id


class Refusing(BaseHTTPRequestHandler):
    """Answers every request with an error of the server."""

    def do_GET(self):
        self.send_error(500)

    do_POST = do_GET

    def log_message(self, *_):
        """Say nothing."""


def test_a_server_that_fails_costs_one_warning(tmp_path, monkeypatch, caplog):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    try:
        train(new_run(tmp_path / "train"), open_loggers(MLFLOW))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    warnings = [record.getMessage() for record in caplog.records if record.name == "posekit"]
    assert len(warnings) == 1
    assert warnings[0].startswith("MLflow: nothing more is logged to it, the training goes on (")
