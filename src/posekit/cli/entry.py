"""`main`: run one command line and turn every error into one line and an exit status."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from posekit.cli.console import say_error
from posekit.cli.dispatch import run_command
from posekit.cli.quiet import silence_decoders
from posekit.cli.threads import limit_spinning
from posekit.cli.words import read_command
from posekit.errors import PosekitError, UnknownSettingError
from posekit.log import show_log

FAILED = 1
MISUSED = 2
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + 13  # what a shell reports for a program that SIGPIPE ends


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
