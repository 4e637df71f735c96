import json

import pytest
import torch

from posekit.engine.profiling import FIRST, STEPS, profiled_steps


def work(folder, steps, *, on=True):
    with profiled_steps(folder, on=on) as note_step:
        for _ in range(steps):
            torch.ones(8, 8) @ torch.ones(8, 8)
            note_step()


def test_a_training_leaves_a_trace_and_a_table_of_operations(train):
    trainer = train(profile=True, batch=2, epochs=2)
    events = json.loads((trainer.save_dir / "profile.json").read_text())["traceEvents"]
    assert any(event["name"].startswith("aten::conv") for event in events)
    assert "aten::" in (trainer.save_dir / "profile.txt").read_text()


def test_only_some_steps_are_recorded(tmp_path):
    work(tmp_path, 20)
    events = json.loads((tmp_path / "profile.json").read_text())["traceEvents"]
    assert sum(event["name"] == "aten::mm" for event in events) == STEPS


def test_without_the_setting_nothing_is_recorded(tmp_path):
    work(tmp_path, 20, on=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("steps", [0, FIRST, FIRST + STEPS - 1])
def test_too_few_steps_are_said(tmp_path, caplog, steps):
    work(tmp_path, steps)
    assert f"{steps} steps per epoch are too few: 4 are needed" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_fails_ends_the_recording(tmp_path):
    def fail():
        with profiled_steps(tmp_path, on=True) as note_step:
            note_step()
            raise ArithmeticError("made up")

    with pytest.raises(ArithmeticError, match="made up"):
        fail()
    work(tmp_path, FIRST + STEPS)
    assert (tmp_path / "profile.json").is_file()
