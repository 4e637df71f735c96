"""The command ``posekit check``."""

from pathlib import Path

from posekit.cli.console import say_answer
from posekit.cli.words import Command
from posekit.config.check import build
from posekit.config.commands import CheckSettings
from posekit.config.modes import DEFAULT_TASK


def run_check(command: Command) -> None:
    """Check a data set, print what was noticed, and write the report."""
    settings = build(CheckSettings, command.values)

    from posekit.config.user_settings import load_user_settings
    from posekit.engine.data_check import check_dataset
    from posekit.engine.data_report import console_lines, write_report
    from posekit.io.run_folder import make_run_folder

    task = command.settings.task or DEFAULT_TASK
    check = check_dataset(settings.data, task=task)
    if settings.out is not None:
        target = Path(settings.out)
    else:
        target = make_run_folder(Path(load_user_settings().runs_dir) / task, "check") / "report.html"
    write_report(check, target)
    for line in console_lines(check):
        say_answer(line)
    say_answer(f"Report: {target}")
