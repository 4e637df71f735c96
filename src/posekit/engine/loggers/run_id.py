"""Remembers under which id a service knows a run, so that a resumed training goes on with it."""

from posekit.engine.loggers.contract import LoggedTrainer
from posekit.engine.loggers.logged_values import last_epoch
from posekit.files.whole_file import write_whole


def remember_run_id(trainer: LoggedTrainer, service: str, run_id: str) -> None:
    """Write the id into the run folder.

    Raises:
        OutputError: the file cannot be written.
    """
    write_whole(trainer.save_dir / _file_name(service), run_id.encode())


def known_run_id(trainer: LoggedTrainer, service: str) -> str | None:
    """Return the id of a training that is resumed; None for a new one, and for one that was not logged so far."""
    path = trainer.save_dir / _file_name(service)
    if not last_epoch(trainer) or not path.is_file():
        return None
    return path.read_text(encoding="utf-8").strip() or None


def _file_name(service: str) -> str:
    return f"{service}_run.txt"
