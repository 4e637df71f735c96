"""Processes that work together: they find each other, and end together."""

import time

import pytest

from posekit.engine.launch import GRACE, Exchange, run_together


def test_they_find_each_other(tmp_path):
    assert run_together("launched_work:meet", [str(tmp_path)], 3) == (0, 0, 0)
    heard = [Exchange(tmp_path).get(f"heard{rank}") for rank in range(3)]
    assert heard == [([0, 1, 2], "3", ["-c", str(tmp_path)])] * 3


@pytest.mark.parametrize("status", [3, -9])
def test_when_one_fails_the_others_end(tmp_path, status):
    began = time.monotonic()
    assert run_together("launched_work:fail_alone", [str(tmp_path), str(status)], 2) == (None, status)
    assert time.monotonic() - began < 60
    assert not (tmp_path / "ended").exists()


def test_whoever_can_is_asked_to_end_before(tmp_path):
    assert run_together("launched_work:interruptible", [str(tmp_path), "1"], 2) == (None, 1)
    assert (tmp_path / "ended").read_text() == "KeyboardInterrupt"
    assert GRACE > 1
