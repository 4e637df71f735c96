"""What users see while posekit works: one logger, messages on stdout, warnings in one line on stderr."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("posekit")


class ConsoleHandler(logging.Handler):
    """Prints messages; unlike the standard handler it lets a broken pipe through."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.levelno >= logging.WARNING:
            print(f"{record.levelname} {one_line(record.getMessage())}", file=sys.stderr, flush=True)
        else:
            print(record.getMessage(), flush=True)


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


def one_line(text: str) -> str:
    """Return `text` with line breaks and runs of spaces turned into single spaces."""
    return " ".join(text.split())
