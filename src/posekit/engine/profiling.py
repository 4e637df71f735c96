"""Records what a few steps of a training spend their time on, for the setting ``profile``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from posekit.files.writing import write_whole
from posekit.log import LOGGER

FIRST, STEPS = 1, 3  # the first step of all prepares kernels and memory


ROWS = 40


@contextmanager
def profiled_steps(folder: Path, *, on: bool) -> Iterator[Callable[[], None]]:
    """Give a function to be called after each step; after a few of them the record is written.

    Writes ``profile.json``, a trace for the viewers of browsers, and ``profile.txt``, a table of operations.

    Args:
        folder: of the run.
        on: whether to record anything.

    Raises:
        OutputError: the table cannot be written.
    """
    if not on:
        yield lambda: None
        return
    recording, done = profile(activities=_activities()), 0

    def step() -> None:
        nonlocal done
        done += 1
        if done == FIRST:
            recording.start()
        elif done == FIRST + STEPS:
            recording.stop()
            _write(recording, folder)

    try:
        yield step
    finally:
        if FIRST <= done < FIRST + STEPS:
            recording.stop()
    if done < FIRST + STEPS:
        LOGGER.warning("profile=True: %d steps per epoch are too few: %d are needed", done, FIRST + STEPS)


def _activities() -> list[ProfilerActivity]:
    return [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()


def _write(recording: profile, folder: Path) -> None:
    recording.export_chrome_trace(str(folder / "profile.json"))
    by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    write_whole(folder / "profile.txt", recording.key_averages().table(sort_by=by, row_limit=ROWS).encode())
    LOGGER.info("profile of %d steps: %s", STEPS, folder / "profile.json")
