"""What is logged of a training."""

import pytest

from engine.loggers.runs import new_run
from posekit.engine.loggers.shared import (
    figures,
    last_epoch,
    last_values,
    plain_name,
    plain_settings,
    project_name,
    tables,
)


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
