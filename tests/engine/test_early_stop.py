from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.engine.stopping import EarlyStopping
from posekit.errors import CheckpointError

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
