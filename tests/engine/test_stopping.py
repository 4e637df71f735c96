"""What ends a training: patience, losses that are no numbers, time."""

import logging
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.engine.stopping import Clock, EarlyStopping, NanGuard
from posekit.errors import CheckpointError, TrainingError

GOLDEN = np.load(Path(__file__).parents[1] / "golden/train/schedule.npz")


def test_a_run_stops_as_recorded():
    stopping = EarlyStopping(int(GOLDEN["early/patience"]))
    rows = GOLDEN["early/stop_possible_bestepoch_bestfitness"]
    for epoch, (fitness, row) in enumerate(zip(GOLDEN["early/fitness"].tolist(), rows, strict=True), start=1):
        stop = stopping.update(epoch, fitness)
        found = [stop, stopping.may_stop_next, stopping.best_epoch, stopping.best_fitness]
        np.testing.assert_allclose(found, row, rtol=1e-5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 10))
def test_it_stops_exactly_when_the_best_is_patience_epochs_old(values, patience):
    stopping = EarlyStopping(patience)
    for epoch, fitness in enumerate(values, start=1):
        announced = stopping.may_stop_next
        stop = stopping.update(epoch, fitness)
        assert stopping.best_fitness == max(values[:epoch])
        assert stop == (epoch - stopping.best_epoch >= patience)
        assert announced or not stop or (epoch == 1 and patience == 1)


def test_without_patience_it_never_stops():
    stopping = EarlyStopping(0)
    assert not any(stopping.update(epoch, 0.5) for epoch in range(1, 500))
    assert not stopping.may_stop_next


def test_an_epoch_without_validation_neither_improves_nor_stops():
    stopping = EarlyStopping(2)
    stopping.update(1, 0.5)
    assert not stopping.update(2, None)
    assert stopping.may_stop_next
    assert not stopping.update(3, None)
    assert stopping.update(4, 0.4)
    assert (stopping.best_epoch, stopping.best_fitness) == (1, 0.5)


def test_the_best_is_the_highest_and_every_tie_with_it():
    stopping = EarlyStopping(10)
    best = []
    for epoch, fitness in enumerate([0.0, 0.2, 0.1, 0.2, None, 0.3], start=1):
        stopping.update(epoch, fitness)
        best.append(stopping.is_best(fitness))
    assert best == [True, True, False, True, False, True]
    assert stopping.best_epoch == 6


def test_what_was_seen_is_taken_back():
    stopping, resumed = EarlyStopping(3), EarlyStopping(3)
    for epoch in (1, 2):
        stopping.update(epoch, 1 / epoch)
    resumed.load_state_dict(stopping.state_dict())
    assert [resumed.update(epoch, 0.1) for epoch in (3, 4)] == [stopping.update(epoch, 0.1) for epoch in (3, 4)]
    assert resumed.state_dict() == stopping.state_dict() == {"best_fitness": 1.0, "best_epoch": 1}


@pytest.mark.parametrize("state", [{}, {"best_fitness": 0.1}, {"best_fitness": None, "best_epoch": 1}])
def test_a_damaged_state_is_refused(state):
    with pytest.raises(CheckpointError, match="state of early stopping is damaged"):
        EarlyStopping(3).load_state_dict(state)


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


def test_without_a_limit_time_is_never_over():
    clock = Clock(None, spent=1e9)
    assert not clock.is_over()
    assert clock.epochs(3, 100) == 100


def test_time_before_an_interruption_counts():
    assert Clock(1, spent=3601).is_over()
    assert not Clock(1, spent=3000).is_over()
    assert Clock(None, spent=50).seconds >= 50


@pytest.mark.parametrize(("spent", "done", "epochs"), [(900, 1, 4), (900, 3, 12), (1000, 2, 8), (7200, 5, 5)])
def test_as_many_epochs_are_planned_as_fit_by_their_mean_time(spent, done, epochs):
    """The clock runs on, so a number that just fits may come out one lower."""
    assert epochs - 1 <= Clock(1, spent=spent).epochs(done, 100) <= epochs
