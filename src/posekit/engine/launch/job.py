"""What several processes are to do, and how one process has them do it."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from posekit.checkpoint.contents import Checkpoint
from posekit.checkpoint.native import save_checkpoint
from posekit.engine.callbacks import Callback
from posekit.engine.device import several_devices
from posekit.engine.distributed import is_one_of_several
from posekit.engine.launch.exchange import Exchange
from posekit.engine.launch.failure import raise_failure
from posekit.engine.launch.processes import run_together
from posekit.errors import SettingError
from posekit.log import LOGGER

ENTRY: Final = "posekit.worker:main"
JOB, PROGRESS, ANSWER, FAILURE = "job", "progress", "answer", "failure"


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What several processes are to do.

    Attributes:
        mode: train or val.
        task: of the model.
        settings: all settings of the mode by name, plain values.
        trained: whether the weights of the model are worth starting a training from.
        log_level: of the messages that the first process shows.
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
        And what the processes raise, and KeyboardInterrupt.
    """
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
