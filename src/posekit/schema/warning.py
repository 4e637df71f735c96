"""What the readers of schemas do with a remark on the data: hand it to a function of the caller."""

from collections.abc import Callable

Warn = Callable[[str], object]
"""Takes one line of text, without the name of the file, which the caller knows: ``list.append``, a logger."""


def unheard(text: str) -> None:
    """Drop a remark, for callers that want the schema alone."""
