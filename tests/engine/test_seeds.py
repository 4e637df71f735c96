import os
import random

import numpy as np
import pytest
import torch

from posekit.engine.seeds import CUBLAS_KEY, capture_random_state, reproducible_kernels, restore_random_state, seed_all
from posekit.errors import CheckpointError


def draw():
    return [
        random.random(), random.gauss(0, 1), float(np.random.rand()), float(np.random.randn()),
        torch.rand(3).tolist(), torch.randn(5).tolist(),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def same_numbers_after():
    state = capture_random_state()
    yield
    restore_random_state(state)


def test_a_seed_decides_all_numbers():
    seed_all(7)
    first = draw()
    seed_all(8)
    other = draw()
    seed_all(7)
    assert draw() == first
    assert all(one != two for one, two in zip(first, other, strict=True))


def test_each_process_draws_its_own_numbers():
    seed_all(3)
    alone = draw()
    seed_all(2, rank=0)
    assert draw() == alone
    seed_all(2, rank=1)
    assert draw() != alone


def test_numbers_go_on_where_their_state_was_taken_also_through_a_file(tmp_path):
    seed_all(1)
    draw()  # leaves half a pair of normal numbers behind in each generator
    torch.save(capture_random_state(), tmp_path / "state.pt")
    expected = draw()
    seed_all(99)
    restore_random_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert draw() == expected


@pytest.mark.parametrize("change", [
    lambda state: state.pop("torch"),
    lambda state: state.update(python=None),
    lambda state: state["numpy"].update(words=torch.zeros(3, dtype=torch.int64)),
    lambda state: state.update(torch=torch.zeros(3, dtype=torch.uint8)),
])  # fmt: skip
def test_a_damaged_state_is_refused(change):
    state = capture_random_state()
    change(state)
    with pytest.raises(CheckpointError, match="state of the random numbers is damaged"):
        restore_random_state(state)


@pytest.mark.parametrize("before", [None, ":16:8"])
def test_reproducible_kernels_are_on_inside_and_as_before_outside(monkeypatch, before):
    monkeypatch.delenv(CUBLAS_KEY, raising=False)
    if before:
        monkeypatch.setenv(CUBLAS_KEY, before)
    with reproducible_kernels():
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.backends.cudnn.deterministic
        assert not torch.utils.deterministic.fill_uninitialized_memory  # costs time, decides nothing
        assert os.environ[CUBLAS_KEY] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert os.environ.get(CUBLAS_KEY) == before
