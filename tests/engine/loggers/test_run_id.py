"""Runs of services, remembered for resuming."""

from engine.loggers.runs import new_run
from posekit.engine.loggers.shared import known_run_id, remember_run_id


def test_a_resumed_run_is_known_and_a_new_one_in_its_folder_is_not(tmp_path):
    remember_run_id(new_run(tmp_path), "wandb", "abc1")
    assert known_run_id(new_run(tmp_path, epochs=2), "wandb") == "abc1"
    assert known_run_id(new_run(tmp_path), "wandb") is None
    assert known_run_id(new_run(tmp_path, epochs=2), "mlflow") is None


def test_an_empty_file_names_no_run(tmp_path):
    (tmp_path / "wandb_run.txt").write_text("\n")
    assert known_run_id(new_run(tmp_path, epochs=1), "wandb") is None
