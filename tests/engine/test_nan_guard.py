import logging
from math import inf, nan

import pytest

from posekit.engine.stopping import NanGuard
from posekit.errors import TrainingError


@pytest.mark.parametrize(("loss", "fitness", "text"), [(nan, 0.1, "loss is nan"), (1.0, inf, "fitness is inf")])
def test_an_epoch_is_done_again_three_times_then_training_ends(caplog, loss, fitness, text):
    guard = NanGuard()
    with caplog.at_level(logging.WARNING, logger="posekit"):
        assert [guard.must_redo(4, loss=loss, fitness=fitness) for _ in range(3)] == [True] * 3
    assert f"epoch 5: {text}; back to the last checkpoint (attempt 1 of 3)" in caplog.text
    with pytest.raises(TrainingError, match=f"epoch 5: {text}, also after 3 returns.*lower lr0"):
        guard.must_redo(4, loss=loss, fitness=fitness)


def test_numbers_are_fine_and_forgive_earlier_attempts():
    guard = NanGuard()
    assert guard.must_redo(1, loss=nan, fitness=0.0)
    assert not guard.must_redo(1, loss=2.5, fitness=0.0)
    assert guard.attempts == 0


def test_the_first_epoch_goes_on_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="posekit"):
        assert not NanGuard().must_redo(0, loss=nan, fitness=0.0)
    assert "no checkpoint to return to" in caplog.text
