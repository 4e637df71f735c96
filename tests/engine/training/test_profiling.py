import json

import pytest

from posekit.engine.trainer import PROFILED_STEPS


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
