"""How the command line reports errors."""

import sys

from posekit.log import one_line


def say_error(text: str) -> None:
    """Print an error in one line on stderr."""
    print(f"ERROR {one_line(text)}", file=sys.stderr, flush=True)
