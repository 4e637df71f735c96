"""A logger that fails costs one warning and nothing else."""

import logging

import pytest

from engine.loggers.runs import new_run
from posekit.engine.callbacks import call_all
from posekit.engine.loggers.shared import GuardedLogger


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
