"""What users see while posekit works: one logger, messages on stdout, warnings in one line on stderr."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

LOGGER = logging.getLogger("posekit")


class ConsoleHandler(logging.Handler):
    """Prints messages; unlike the standard handler it lets a broken pipe through."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.levelno >= logging.WARNING:
            say(f"{record.levelname} {one_line(record.getMessage())}", sys.stderr)
        else:
            say(record.getMessage(), sys.stdout)


def ensure_console() -> None:
    """Let posekit print its messages, unless the program has set up logging for itself."""
    if not LOGGER.handlers and not logging.getLogger().handlers:
        LOGGER.addHandler(ConsoleHandler())
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = False


@contextmanager
def show_log() -> Iterator[None]:
    """Print what posekit logs while the context is open."""
    level, propagate, handlers = LOGGER.level, LOGGER.propagate, LOGGER.handlers[:]
    LOGGER.handlers[:] = [ConsoleHandler()]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.handlers[:] = handlers
        LOGGER.setLevel(level)
        LOGGER.propagate = propagate


def say(text: str, stream: TextIO | None) -> None:
    """Print `text`; what the stream cannot show, or a terminal would take for a command, is spelled as an escape.

    File names and class names may hold anything. A program without such a stream says nothing.
    """
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = "".join(char if char.isprintable() or char in "\n\t" else _escaped(char) for char in text)
    print(shown.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def one_line(said: object, longest: int | None = None) -> str:
    """Return a text, or what an exception says, with line breaks and runs of spaces turned into single spaces.

    Args:
        said: the text or exception.
        longest: letters that are kept.
    """
    return " ".join(str(said).split())[:longest]


def say_answer(text: str) -> None:
    """Print what was asked for on stdout."""
    say(text, sys.stdout)


def say_error(text: str) -> None:
    """Print an error in one line on stderr."""
    say(f"ERROR {one_line(text)}", sys.stderr)


@contextmanager
def progress_bar(
    label: str, total: int | None, *, shown: bool, start: int = 0, of_bytes: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error, if that is a terminal, and give the function that moves it on.

    Args:
        label: what stands before the bar.
        total: how many steps there are; None shows a bar without end.
        shown: False draws nothing.
        start: steps that are done already.
        of_bytes: steps are bytes of a file; the bar is drawn without a terminal, too, and stays when it is full.
    """
    from rich import progress
    from rich.console import Console

    columns: list[progress.ProgressColumn] = [progress.TextColumn("{task.description}"), progress.BarColumn()]
    if of_bytes:
        columns += [progress.DownloadColumn(), progress.TransferSpeedColumn()]
    else:
        columns += [progress.MofNCompleteColumn(), progress.TimeElapsedColumn()]
        columns += [progress.TextColumn("left"), progress.TimeRemainingColumn()]
    console = Console(stderr=True)
    hidden = not shown or not (of_bytes or console.is_terminal)
    with progress.Progress(*columns, console=console, disable=hidden, transient=not of_bytes) as bar:
        task = bar.add_task(label, total=total, completed=start)
        yield lambda steps: bar.advance(task, steps)
