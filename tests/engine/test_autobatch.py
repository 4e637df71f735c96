import logging

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.engine.batch_size import SIZES, MemoryProfile, automatic_batch, fit_batch, profile_memory
from posekit.errors import SettingError, TrainingError

CPU = torch.device("cpu")


def device_memory(total, *, fixed, each):
    """Return what measures steps on a device of so many bytes."""

    def measure(size):
        if fixed + each * size > total:
            raise torch.OutOfMemoryError(f"{size} pictures")
        return fixed + each * size

    return measure


@given(fixed=st.integers(0, 10_000), each=st.integers(1, 5000), share=st.floats(0.3, 0.95))
def test_the_size_is_the_largest_within_the_share(fixed, each, share):
    total = fixed + 20 * each
    profile = profile_memory(device_memory(total, fixed=fixed, each=each), SIZES)
    size = fit_batch(profile, budget=share * total, limit=10_000)
    exact = (share * total - fixed) / each
    assert size in {max(1, int(exact + error)) for error in (-1e-6, 1e-6)}


def test_a_size_that_failed_is_never_reached():
    profile = profile_memory(device_memory(900, fixed=0, each=100), SIZES)
    assert profile == MemoryProfile(sizes=(1, 2, 4, 8), memory=(100, 200, 400, 800), failed=16)
    assert fit_batch(profile, budget=850, limit=100) == 8
    assert fit_batch(profile, budget=5000, limit=100) == 8
    assert fit_batch(profile, budget=450, limit=100) == 4


@pytest.mark.parametrize(("limit", "expected"), [(5, 5), (10**6, 1024)])
def test_it_is_limited_by_the_pictures_and_by_what_makes_sense(limit, expected):
    profile = profile_memory(device_memory(10**9, fixed=0, each=1), SIZES)
    assert fit_batch(profile, budget=10**9, limit=limit) == expected


def test_one_size_alone_is_taken():
    assert fit_batch(MemoryProfile(sizes=(1,), memory=(100,), failed=2), budget=60, limit=9) == 1


def test_not_one_picture_is_an_error_that_says_what_to_do():
    profile = profile_memory(device_memory(50, fixed=0, each=100), SIZES)
    with pytest.raises(TrainingError, match="lower imgsz"):
        fit_batch(profile, budget=50, limit=9)


def test_memory_that_does_not_grow_gives_the_usual_size(caplog):
    with caplog.at_level(logging.WARNING, logger="posekit"):
        assert fit_batch(MemoryProfile(sizes=SIZES, memory=(9,) * 5), budget=50, limit=99) == 16
    assert "does not grow" in caplog.text


def test_other_errors_of_a_step_come_through():
    def broken(size):
        raise ValueError(f"no data for {size}")

    with pytest.raises(ValueError, match="no data for 1"):
        profile_memory(broken, SIZES)


def test_on_the_processor_nothing_is_measured(caplog):
    def never(size):
        raise AssertionError(f"a step of {size} pictures")

    with caplog.at_level(logging.WARNING, logger="posekit"):
        assert automatic_batch(-1, CPU, images=100, world_size=1, step=never) == 16
    assert "taking batch=16" in caplog.text


def test_several_processes_need_a_number():
    with pytest.raises(SettingError, match=r"batch=0\.7.*several devices"):
        automatic_batch(0.7, CPU, images=100, world_size=2, step=lambda size: None)
