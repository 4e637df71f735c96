import pytest

from posekit.engine.stopping import Clock


def test_without_a_limit_time_is_never_over():
    clock = Clock(None, spent=1e9)
    assert not clock.is_over()
    assert clock.epochs(3, 100) == 100


def test_time_before_an_interruption_counts():
    assert Clock(1, spent=3601).is_over()
    assert not Clock(1, spent=3000).is_over()
    assert Clock(None, spent=50).seconds == pytest.approx(50, abs=1)


@pytest.mark.parametrize(("spent", "done", "epochs"), [(900, 1, 4), (900, 3, 12), (1000, 2, 8), (7200, 5, 5)])
def test_as_many_epochs_are_planned_as_fit_by_their_mean_time(spent, done, epochs):
    """The clock runs on, so a number that just fits may come out one lower."""
    assert epochs - 1 <= Clock(1, spent=spent).epochs(done, 100) <= epochs
