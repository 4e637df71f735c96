"""How the command line talks: answers on stdout, errors in one line on stderr."""

import sys

from posekit.log import one_line, say


def say_answer(text: str) -> None:
    """Print what was asked for on stdout."""
    say(text, sys.stdout)


def say_error(text: str) -> None:
    """Print an error in one line on stderr."""
    say(f"ERROR {one_line(text)}", sys.stderr)
