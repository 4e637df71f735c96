"""Runs in a local store of MLflow, and a server that fails."""

from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import mlflow
import pytest

from engine.loggers.runs import new_run, train
from posekit.config.settings import TrainSettings
from posekit.config.user import UserSettings
from posekit.engine.loggers import open_loggers

ON = UserSettings(mlflow=True)


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
    train(new_run(folder, project="fish"), open_loggers(ON))
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
    train(new_run(folder), open_loggers(ON), until=2, ends=False)
    _, broken = logged(folder)
    assert broken.info.status == "FAILED"
    train(new_run(folder, epochs=2), open_loggers(ON), until=4)
    client, run = logged(folder)
    assert run.info.run_id == broken.info.run_id
    assert run.info.status == "FINISHED"
    assert [step for step, _ in history(client, run, "train/box_loss")] == [1, 2, 3, 4]


def test_a_training_within_a_run_of_the_user_is_its_child(tmp_path):
    experiment = mlflow.create_experiment("sweep")
    with mlflow.start_run(experiment_id=experiment) as parent:
        train(new_run(tmp_path / "train"), open_loggers(ON))
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
        train(new_run(tmp_path / "train"), open_loggers(ON))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    warnings = [record.getMessage() for record in caplog.records if record.name == "posekit"]
    assert len(warnings) == 1
    assert warnings[0].startswith("MLflow: nothing more is logged to it, the training goes on (")
