import gc
import threading
import time

import pytest

from posekit.io.prefetch import Prefetcher


class Numbers:
    """Counts what was asked for, and remembers having been closed."""

    def __init__(self, stop: int, fail_at: int | None = None) -> None:
        self.made = 0
        self.closed = 0
        self._stop = stop
        self._fail_at = fail_at

    def __iter__(self):
        for number in range(self._stop):
            if number == self._fail_at:
                raise OSError("disk gone")
            self.made += 1
            yield number

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _no_thread_left():
    before = set(threading.enumerate())
    yield
    gc.collect()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def wait_until_idle(numbers: Numbers) -> int:
    seen = -1
    while seen != numbers.made:
        seen = numbers.made
        time.sleep(0.05)
    return seen


def test_everything_comes_in_order_and_the_source_is_closed():
    numbers = Numbers(100)
    assert list(Prefetcher(numbers)) == list(range(100))
    assert numbers.closed == 1


def test_only_a_few_items_are_made_ahead():
    numbers = Numbers(1000)
    with Prefetcher(numbers, depth=3) as items:
        assert wait_until_idle(numbers) <= 4
        assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert wait_until_idle(numbers) <= 9


def test_items_are_made_while_the_caller_works():
    numbers = Numbers(3)
    with Prefetcher(numbers) as items:
        next(items)
        wait_until_idle(numbers)
        assert numbers.made == 3


def test_an_error_reaches_the_caller_after_the_items_before_it():
    numbers = Numbers(10, fail_at=4)
    items = Prefetcher(numbers)
    assert [next(items) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(OSError, match="disk gone"):
        next(items)
    assert list(items) == []
    assert numbers.closed == 1


def test_stopping_early_ends_the_thread():
    numbers = Numbers(10**9)
    items = Prefetcher(numbers)
    next(items)
    items.close()
    assert numbers.closed == 1
    assert list(items) == []
    items.close()


def test_an_error_in_the_callers_loop_ends_the_thread():
    numbers = Numbers(10**9)
    with pytest.raises(ZeroDivisionError), Prefetcher(numbers) as items:
        assert [1 / (number - 3) for number in items]
    assert numbers.closed == 1


def test_a_dropped_prefetcher_ends_its_thread():
    numbers = Numbers(10**9)
    items = Prefetcher(numbers)
    next(items)
    del items
    gc.collect()
    deadline = time.monotonic() + 5
    while not numbers.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert numbers.closed == 1


def test_plain_iterables_will_do():
    assert list(Prefetcher([1, 2, 3])) == [1, 2, 3]


def test_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="depth=0"):
        Prefetcher([1], depth=0)


def test_a_source_read_ahead_gives_the_same_and_is_released_when_left_early(opened, media_folder):
    with Prefetcher(opened(media_folder, batch=4)) as batches:
        ahead = [[sample.path for sample in batch] for batch in batches]
    assert ahead == [[sample.path for sample in batch] for batch in opened(media_folder, batch=4)]
    source = opened("v1.avi")
    with Prefetcher(source) as batches:
        next(batches)
    assert list(batches) == []
    (media_folder / "v1.avi").unlink()
