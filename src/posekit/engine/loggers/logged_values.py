"""What is logged of a training, in the form that services take."""

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from posekit.engine.loggers.contract import LoggedTrainer

Plain = str | int | float | bool

DEFAULT_PROJECT = "posekit"


def plain_settings(trainer: LoggedTrainer) -> dict[str, Plain]:
    """Return the settings of a training; what is no number and no switch is written out."""
    values = {field.name: getattr(trainer.args, field.name) for field in fields(trainer.args)}
    return {key: value if isinstance(value, (str, int, float)) else str(value) for key, value in values.items()}


def last_epoch(trainer: LoggedTrainer) -> int:
    """Return the number of the last finished epoch, 1-based; 0 before the first."""
    rows = trainer.results.rows
    return int(rows[-1]["epoch"]) if rows else 0


def last_values(trainer: LoggedTrainer) -> dict[str, float]:
    """Return the values of the last epoch by column; its number is the step and not among them."""
    return {column: value for column, value in trainer.results.rows[-1].items() if column != "epoch"}


def plain_name(column: str) -> str:
    """Return a column's name in letters that every service takes: ``metrics/mAP50_B`` for ``metrics/mAP50(B)``."""
    return re.sub(r"[^\w./-]", "_", re.sub(r"\((\w+)\)", r"_\1", column))


def project_name(trainer: LoggedTrainer) -> str:
    """Return the setting ``project``, a folder, as a name; "posekit" without one."""
    name = re.sub(r"[^\w.-]+", "-", str(trainer.args.project or "")).strip("-.")
    return name or DEFAULT_PROJECT


def figures(trainer: LoggedTrainer) -> list[Path]:
    """Return the figures of a run in order of their names."""
    return _files(trainer, (".png", ".jpg"))


def tables(trainer: LoggedTrainer) -> list[Path]:
    """Return the files of settings and results of a run in order of their names."""
    return _files(trainer, (".csv", ".yaml"))


def _files(trainer: LoggedTrainer, suffixes: Iterable[str]) -> list[Path]:
    return sorted(path for path in trainer.save_dir.iterdir() if path.suffix in suffixes)
