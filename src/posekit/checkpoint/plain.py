"""Copies plain values out of an unpickled graph and leaves everything else behind."""

from collections.abc import Callable
from typing import Any

from posekit.checkpoint.inert import Stub, TensorRef
from posekit.errors import CheckpointError

MAX_DEPTH = 32
"""Deepest nesting of containers that is copied."""

MAX_VALUES = 200_000
"""Most values that are copied; shared containers count once for each place they appear in."""

MAX_CHARACTERS = 10_000_000
"""Most characters that all copied texts have together; shared texts count like shared containers."""

_DROPPED = object()


def plain_value(value: object, tensor: Callable[[TensorRef], Any] | None = None) -> Any:
    """Return a copy made of bool, int, float, str, None, list, tuple and dict only.

    Namespaces (the training options of older files) become dictionaries. Dictionary entries of any
    other type are left out; in lists and tuples they become None, because positions carry meaning.

    Args:
        value: a value that `unpickle` built.
        tensor: turns tensor references into the value to keep; without it they are left out.

    Raises:
        CheckpointError: if the value is nested too deeply, holds itself, or is too large.
    """
    copy = _Copier(tensor).copy(value, 0)
    return None if copy is _DROPPED else copy


class _Copier:
    def __init__(self, tensor: Callable[[TensorRef], Any] | None) -> None:
        self._tensor = tensor
        self._left = MAX_VALUES
        self._characters_left = MAX_CHARACTERS

    def copy(self, value: object, depth: int) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise CheckpointError(f"values are nested more than {MAX_DEPTH} deep or number more than {MAX_VALUES}")
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Stub) and value.origin.name.endswith("Namespace"):
            value = dict(value.attributes)
        if isinstance(value, dict):
            return self._entries(value, depth)
        if isinstance(value, (list, tuple)):
            items = [self.copy(item, depth + 1) for item in value]
            kept = [None if item is _DROPPED else item for item in items]
            return tuple(kept) if isinstance(value, tuple) else kept
        if isinstance(value, TensorRef) and self._tensor is not None:
            return self._tensor(value)
        return _DROPPED

    def _text(self, value: str) -> str:
        self._characters_left -= len(value)
        if self._characters_left < 0:
            raise CheckpointError(f"texts have more than {MAX_CHARACTERS} characters together")
        return value

    def _entries(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        copies = {
            self.copy(key, depth): self.copy(item, depth + 1)
            for key, item in value.items()
            if key is None or isinstance(key, (bool, int, str))
        }
        return {key: item for key, item in copies.items() if item is not _DROPPED}
