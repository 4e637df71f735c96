"""What a user of the command line sees: messages on stdout, warnings and errors in one line on stderr."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class ConsoleHandler(logging.Handler):
    """Prints messages of the logger "posekit"; unlike the standard one it lets a broken pipe through."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.levelno >= logging.WARNING:
            print(f"{record.levelname} {one_line(record.getMessage())}", file=sys.stderr, flush=True)
        else:
            print(record.getMessage(), flush=True)


@contextmanager
def show_log() -> Iterator[None]:
    """Print what posekit logs while the context is open."""
    logger = logging.getLogger("posekit")
    level, propagate, handler = logger.level, logger.propagate, ConsoleHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def say_error(text: str) -> None:
    """Print an error in one line."""
    print(f"ERROR {one_line(text)}", file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Return `text` with line breaks and runs of spaces turned into single spaces."""
    return " ".join(text.split())
