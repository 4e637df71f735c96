"""Which function runs a command."""

from collections.abc import Callable

from posekit.cli import specials
from posekit.cli.check import run_check
from posekit.cli.convert import run_convert, run_merge
from posekit.cli.merge_weights import run_merge_weights
from posekit.cli.predict import run_predict
from posekit.cli.train import run_train
from posekit.cli.val import run_val
from posekit.cli.words import Command
from posekit.config.modes import DEFAULT_MODE, MODES, require_mode
from posekit.log import LOGGER

SPECIAL_HANDLERS: dict[str, Callable[[Command], None]] = {
    "help": specials.show_help,
    "version": specials.show_version,
    "checks": specials.show_checks,
    "settings": specials.show_or_change_settings,
    "cfg": specials.show_defaults,
    "copy-cfg": specials.write_defaults,
    "info": specials.show_model,
    "figures": specials.write_figures,
    "check": run_check,
    "convert": run_convert,
    "merge_kpt_seg": run_merge,
    "merge_weights": run_merge_weights,
}

MODE_HANDLERS: dict[str, Callable[[Command], None]] = {"train": run_train, "predict": run_predict, "val": run_val}


def run_command(command: Command) -> None:
    """Run a command line that `read_command` understood.

    Raises:
        PosekitError: the command is not in this release, or it failed.
    """
    if command.special is not None:
        SPECIAL_HANDLERS[command.special](command)
        return
    mode = command.settings.mode
    if mode is None:
        mode = DEFAULT_MODE
        LOGGER.warning("no mode given: taking %s; modes are %s", mode, ", ".join(MODES))
    MODE_HANDLERS[require_mode(mode).name](command)
