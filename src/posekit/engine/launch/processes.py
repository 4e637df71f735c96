"""Starts several processes that work together on this machine, and sees them to their end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, but not named in __all__

HOST = "127.0.0.1"
PAUSE = 0.05  # seconds between two looks at the processes
GRACE = 10.0  # seconds for a process to end after it was asked to


def run_together(entry: str, words: Sequence[str], count: int) -> tuple[int | None, ...]:
    """Run a function of posekit in several processes, and wait for their end.

    They find each other as those of ``torchrun`` do, by variables such as ``RANK``. When one fails, or this process
    is interrupted, the others are asked to end, and ended if they do not. When this process is killed, their standard
    input ends, which is for them to watch.

    Args:
        entry: module and function, as in ``package.module:function``; it gets `words`, and returns an exit status.
        words: texts.
        count: how many processes.

    Returns:
        Exit status of each, a negated signal number when a signal ended it; None for those that had not ended when
        another failed.
    """
    # On a port that the system chooses and that is never let go, so that no other program can take it.
    store = TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    with ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, processes)
        processes.extend(_start(entry, words, _variables(rank, count, store.port)) for rank in range(count))
        return _statuses(processes)


def _variables(rank: int, count: int, port: int) -> dict[str, str]:
    """Return what ``torchrun`` tells a process."""
    threads = max(1, (os.cpu_count() or 1) // count)
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": HOST,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # none of them is to open the port: it is open
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
    }


def _start(entry: str, words: Sequence[str], variables: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    module, function = entry.split(":")
    # Like the processes of `multiprocessing` they look for modules where this one does. Until they have begun, an
    # interruption ends them without a word.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from {module} import {function}; sys.exit({function}(*sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=os.environ | dict(variables),
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for this process, which asks the others to end
    )


def _statuses(processes: "Sequence[subprocess.Popen[bytes]]") -> tuple[int | None, ...]:
    """Wait until all processes have ended, or one has failed."""
    while True:
        statuses = tuple(process.poll() for process in processes)
        if None not in statuses or any(statuses):
            return statuses
        time.sleep(PAUSE)


def _end(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    """End what still runs: at first by asking."""
    try:
        for process in processes:
            if process.poll() is None:
                _interrupt(process)
        until = time.monotonic() + GRACE
        while any(process.poll() is None for process in processes) and time.monotonic() < until:
            time.sleep(PAUSE)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    if os.name == "nt":
        process.terminate()  # signals are not to be had there
    else:
        process.send_signal(signal.SIGINT)
