"""`main`: run one command line and turn every error into one line and an exit status."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final

from posekit.cli.commands import MODE_HANDLERS, SPECIALS, Command
from posekit.cli.words import read_command
from posekit.config.commands import DEFAULT_MODE, MODES, require_mode
from posekit.errors import PosekitError, UnknownSettingError
from posekit.log import LOGGER, say_error, show_log

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 128 + signal.SIGINT
BROKEN_PIPE: Final = 128 + 13  # what a shell reports for a program that SIGPIPE ends
# GNU OpenMP's default spins for milliseconds at each of the hundreds of meeting points of a network. That is
# cheap on an idle machine and ruinous on a busy one, where the thread waited for is not running: with one other
# busy process on two cores a prediction took twelve times as long, and two to four times with 1000 to 5000.
SPIN_COUNT: Final = "2000"


def run_command(command: Command) -> None:
    """Run a command line that `read_command` understood."""
    if command.special is not None:
        SPECIALS[command.special].run(command)
        return
    mode = command.settings.mode
    if mode is None:
        mode = DEFAULT_MODE
        LOGGER.warning("no mode given: taking %s; modes are %s", mode, ", ".join(MODES))
    MODE_HANDLERS[require_mode(mode).name](command)


def silence_decoders() -> None:
    """Let them say nothing, unless the user wants it otherwise: what failed is told in one line of our own.

    Must come before OpenCV is imported.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def limit_spinning() -> None:
    """Set the limit for this process, unless the user has; must come before PyTorch is imported."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit status.

    0: done; 1: it failed; 2: the command line says something unknown; 130: interrupted; 141: the
    reader of the output went away.
    """
    limit_spinning()
    silence_decoders()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or bool(os.environ.get("POSEKIT_DEBUG"))
    words = [word for word in words if word != "--debug"]
    try:
        with show_log():
            return _run(words, _report_with_traceback if debug else _report)
    except KeyboardInterrupt as interrupt:
        say_error("; ".join(("interrupted", *map(str, interrupt.args))))
        return INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return BROKEN_PIPE


def _run(words: Sequence[str], report: Callable[[Exception], None]) -> int:
    """Return the exit status; whatever goes wrong, users get one line."""
    try:
        command = read_command(words)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001
        report(error)
        return MISUSED
    try:
        run_command(command)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001
        report(error)
        return MISUSED if isinstance(error, UnknownSettingError) else FAILED
    return 0


def _report(error: Exception) -> None:
    if isinstance(error, PosekitError):
        say_error(str(error))
    else:
        say_error(f"{type(error).__name__}: {error} (run again with --debug for the whole story)")


def _report_with_traceback(error: Exception) -> None:
    traceback.print_exception(error)
    _report(error)


def _silence_stdout() -> None:
    """Point stdout nowhere, so that the interpreter's last flush has no broken pipe to stumble over."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
