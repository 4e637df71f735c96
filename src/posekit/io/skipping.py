"""Let one bad file of several pass with one warning."""

from collections.abc import Iterator
from contextlib import contextmanager

from posekit.errors import DownloadError, MissingExtraError, SourceNotFoundError, UnreadableImageError
from posekit.log import LOGGER


@contextmanager
def skip_unreadable(count: int) -> Iterator[None]:
    """Turn the error of a file that cannot be read into a warning, unless it is the only one.

    Args:
        count: how many files the source has.
    """
    try:
        yield
    except (UnreadableImageError, SourceNotFoundError, DownloadError, MissingExtraError) as error:
        if count == 1:
            raise
        LOGGER.warning("%s; skipped", error)


def nothing_read(count: int) -> UnreadableImageError:
    """Return the error for a source of several files, none of which could be read."""
    return UnreadableImageError(f"none of the {count} pictures or videos can be read: see the warnings above")
