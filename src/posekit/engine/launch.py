"""What several processes are to do, and how one process has them do it."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, but not named in __all__

from posekit import errors
from posekit.checkpoint.checkpoint import save_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.engine.callbacks import Callback
from posekit.engine.device import several_devices
from posekit.engine.distributed import is_one_of_several
from posekit.errors import PosekitError, ProcessError, SettingError
from posekit.files.writing import write_whole
from posekit.log import LOGGER

HOST: Final = "127.0.0.1"
PAUSE: Final = 0.05  # seconds between two looks at the processes
GRACE: Final = 10.0  # seconds for a process to end after it was asked to
ENTRY: Final = "posekit.worker:main"
JOB, PROGRESS, ANSWER, FAILURE = "job", "progress", "answer", "failure"


class Exchange:
    """Python objects by name, each in a file that appears whole or not at all.

    The files are pickles: the folder has to be one that nobody else may write to, as temporary folders are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, value: object) -> None:
        """Leave an object under a name."""
        write_whole(self._path(name), pickle.dumps(value))

    def get(self, name: str) -> Any:
        """Return what was left under a name; None when nothing was."""
        path = self._path(name)
        return pickle.loads(path.read_bytes()) if path.is_file() else None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pickle"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error as text: name of its class, message, traceback, and when it was raised, in seconds."""

    kind: str
    message: str
    story: str
    moment: float = field(default_factory=time.time)

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """Return what is known of an error that was just caught."""
        return cls(
            kind=type(error).__name__, message=str(error), story="".join(traceback.format_exception(error)).rstrip()
        )


class ElsewhereError(Exception):
    """The cause of an error as it is known from another process: its traceback there."""


def raise_failure(statuses: Sequence[int | None], failures: Mapping[int, Failure]) -> None:
    """Raise what ended the work of several processes, if anything did.

    A process that was ended from outside comes first, then the one that failed first: the others may have failed for
    want of it. `failures` are by the number of the process; for `statuses` see `run_together`.

    Raises:
        PosekitError: of the class that it has there, if it is one of posekit's.
        ProcessError: otherwise.
    """
    for rank, status in enumerate(statuses):
        if status and rank not in failures:
            how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
            hint = "; is the memory of the machine full?" if "SIGKILL" in how else ""
            others = ", and the others with it" if len(statuses) > 1 else ""
            raise ProcessError(f"{_called(rank, len(statuses))} was ended {how}{others}{hint}")
    told = {rank: failure for rank, failure in failures.items() if statuses[rank]}
    if told:
        rank = min(told, key=lambda each: told[each].moment)
        raise _same_error(told[rank], rank, len(statuses)) from ElsewhereError(told[rank].story)


def _same_error(failure: Failure, rank: int, count: int) -> PosekitError:
    kind = vars(errors).get(failure.kind)
    if isinstance(kind, type) and issubclass(kind, PosekitError):
        return kind.__new__(kind, failure.message)  # not every class takes a message
    return ProcessError(f"{_called(rank, count)} failed: {failure.kind}: {failure.message}")


def _called(rank: int, count: int) -> str:
    return f"process {rank + 1} of {count}" if count > 1 else "the process"


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
            if process.poll() is None and os.name == "nt":
                process.terminate()  # signals are not to be had there
            elif process.poll() is None:
                process.send_signal(signal.SIGINT)
        until = time.monotonic() + GRACE
        while any(process.poll() is None for process in processes) and time.monotonic() < until:
            time.sleep(PAUSE)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What several processes are to do: train or val, with all settings of that mode as plain values by name.

    One process alone does a benchmark of one format. `trained` says whether the weights of the model are worth starting
    a training from, `log_level` which messages the first process shows.
    """

    mode: str
    task: str
    settings: Mapping[str, Any]
    trained: bool = True
    log_level: int = field(default_factory=LOGGER.getEffectiveLevel)


def devices_to_start_on(device: str | None) -> tuple[str, ...]:
    """Return the devices of a setting that are to have a process each; none when this process does the work itself.

    Raises:
        SettingError: one of them is not here, or is named twice.
    """
    return () if is_one_of_several() else several_devices(device)


def run_job(
    job: Job, model: Checkpoint, devices: Sequence[str], tell: Callable[[Any], None] = lambda progress: None
) -> Any:
    """Have one process per device do a job; return the answer of the first.

    Args:
        job: what to do; the settings name the devices.
        model: what the processes get for a model.
        devices: one per process.
        tell: gets what the first process has last said of its progress, if anything, also when the job fails.

    Raises:
        ProcessError: a process was ended, or failed for a reason that posekit does not know.
        And what the processes raise.
    """
    if len(devices) > 1:
        LOGGER.info("starting %d processes, on %s", len(devices), ", ".join(devices))
    with tempfile.TemporaryDirectory(prefix="posekit-") as folder:
        exchange = Exchange(Path(folder))
        save_checkpoint(model_path(exchange), model)
        exchange.put(JOB, job)
        try:
            statuses = run_together(ENTRY, [folder], len(devices))
        finally:
            progress = exchange.get(PROGRESS)
            if progress is not None:
                tell(progress)
        failures = {rank: exchange.get(f"{FAILURE}{rank}") for rank in range(len(devices))}
        raise_failure(statuses, {rank: failure for rank, failure in failures.items() if failure})
        return exchange.get(ANSWER)


def model_path(exchange: Exchange) -> Path:
    """Return where the model of a job is."""
    return exchange.folder / "model.pt"


def refuse_code(device: str | None, callbacks: Mapping[str, Sequence[Callback]], *classes: type) -> None:
    """Refuse what processes that posekit starts would not know: functions and classes of a user's script.

    Raises:
        SettingError: there are some.
    """
    found = [f"callbacks of {event}" for event, functions in callbacks.items() if functions]
    found += [f"the class {kind.__name__}" for kind in classes if not kind.__module__.startswith("posekit.")]
    if found:
        count = len((device or "").split(","))
        raise SettingError(
            f"device={device} starts processes that do not know {', '.join(found)}: leave device out and start the "
            f"script once per device, with torchrun --nproc_per_node {count} SCRIPT.py"
        )
