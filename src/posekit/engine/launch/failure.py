"""What becomes of an error in one of several processes: the same error in the process that has started them."""

import signal
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from posekit import errors
from posekit.errors import PosekitError, ProcessError


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error, as text.

    Attributes:
        kind: name of its class.
        message: what it says.
        story: the traceback.
        moment: when it was raised, in seconds.
    """

    kind: str
    message: str
    story: str
    moment: float = field(default_factory=time.time)

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """Return what is known of an error that was just caught."""
        return cls(
            kind=type(error).__name__, message=str(error), story="".join(traceback.format_exception(error)).rstrip()
        )


class ElsewhereError(Exception):
    """The cause of an error as it is known from another process: its traceback there."""


def raise_failure(statuses: Sequence[int | None], failures: Mapping[int, Failure]) -> None:
    """Raise what ended the work of several processes, if anything did.

    A process that was ended from outside comes first, then the one that failed first: the others may have failed for
    want of it.

    Args:
        statuses: exit status of each process; None for those that were ended with the others.
        failures: errors by the number of the process.

    Raises:
        PosekitError: of the class that it has there, if it is one of posekit's.
        ProcessError: otherwise.
    """
    ended = [rank for rank, status in enumerate(statuses) if status and rank not in failures]
    if ended:
        raise ProcessError(_sudden_end(ended[0], statuses))
    told = {rank: failure for rank, failure in failures.items() if statuses[rank]}
    if told:
        rank = min(told, key=lambda each: told[each].moment)
        raise _same_error(told[rank], rank, len(statuses)) from ElsewhereError(told[rank].story)


def _sudden_end(rank: int, statuses: Sequence[int | None]) -> str:
    status = statuses[rank] or 0
    how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    hint = "; is the memory of the machine full?" if "SIGKILL" in how else ""
    return f"process {rank + 1} of {len(statuses)} was ended {how}, and the others with it{hint}"


def _same_error(failure: Failure, rank: int, count: int) -> PosekitError:
    kind = vars(errors).get(failure.kind)
    if isinstance(kind, type) and issubclass(kind, PosekitError):
        return kind.__new__(kind, failure.message)  # not every class takes a message
    return ProcessError(f"process {rank + 1} of {count} failed: {failure.kind}: {failure.message}")
