"""What users see while posekit works: one logger, messages on stdout, warnings in one line on stderr."""

import logging
import sys
from collections.abc import Iterator
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
