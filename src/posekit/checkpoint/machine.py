"""The state of one run of the pickle machine: what its instructions read and change."""

import struct

from posekit.errors import CheckpointError

_MAX_NAME_BYTES = 512
_MAX_CALL_SIZE = 2_000_000


class Machine:
    """The program, the position in it, the stack with its marks, and the memo.

    The methods raise IndexError, TypeError, ValueError or `struct.error` when a program is
    malformed, and `CheckpointError` when it is sound but asks for too much.

    Args:
        data: a pickle.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[object] = []
        self.marked: list[list[object]] = []
        self.memo: dict[int, object] = {}
        self.call_budget = _MAX_CALL_SIZE

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        end = self.at + count
        if end > len(self.data):
            raise ValueError(f"{count} bytes wanted, {len(self.data) - self.at} left")
        part = self.data[self.at : end]
        self.at = end
        return part

    def number(self, form: str) -> int:
        """Return the next little-endian integer of the `struct` format `form`."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def line(self) -> str:
        """Return the text up to the next line feed."""
        end = self.data.index(b"\n", self.at, self.at + _MAX_NAME_BYTES)
        text = self.data[self.at : end].decode("utf-8")
        self.at = end + 1
        return text

    def since_mark(self) -> list[object]:
        """Return what was pushed since the last mark, and go back to the stack below it."""
        values = self.stack
        self.stack = self.marked.pop()
        return values

    def spend(self, args: tuple[object, ...]) -> None:
        """Count the sizes of a call's arguments: one long value could be copied over and over."""
        self.call_budget -= sum(len(arg) for arg in args if isinstance(arg, (str, bytes, list, tuple, dict)))
        if self.call_budget < 0:
            raise CheckpointError("the object graph hands more data to calls than any network needs")

    def pop_tuple(self) -> tuple[object, ...]:
        """Pop the arguments of a call."""
        value = self.stack.pop()
        if type(value) is not tuple:
            raise TypeError(f"arguments are {type(value).__name__} instead of a tuple")
        return value
