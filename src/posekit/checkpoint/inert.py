"""The values that a foreign pickle may turn into: they hold data and do nothing.

Nothing that a file names is ever imported. Classes become `ClassName`, their instances `Stub`,
tensors `TensorRef`; only `Call` runs anything, and only functions of `allowed.py` are put into one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from posekit.errors import CheckpointError

MAX_KEY_BITS = 20
"""Longest whole number that may be a dictionary key."""

_MAX_KEY_LENGTH = 4096
_MAX_KEY_PARTS = 16


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class that the file names, as a name.

    Attributes:
        module: dotted module.
        name: class name inside the module.
    """

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Stub:
    """An instance of a class that the file names: the class's name and the stored state.

    Attributes:
        origin: the class.
        args: arguments that the constructor would have had.
        state: what the pickle stored for the instance, usually its attributes; None if nothing.
    """

    __slots__ = ("args", "origin", "state")

    def __init__(self, origin: ClassName, args: tuple[object, ...] = ()) -> None:
        self.origin = origin
        self.args = args
        self.state: object = None

    @property
    def attributes(self) -> Mapping[Any, Any]:
        """The stored attributes, empty when the state is no dictionary."""
        return self.state if isinstance(self.state, dict) else {}


@dataclass(frozen=True, slots=True)
class StorageType:
    """A torch storage class, reduced to the name of its dtype ("float16")."""

    dtype: str


@dataclass(frozen=True, slots=True)
class StorageRef:
    """Where the numbers of one or several tensors lie.

    Attributes:
        key: the storage's name in the archive.
        dtype: name of the torch dtype.
        count: number of elements that the pickle declares.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor that has not been read yet: a strided view on a storage, all values in elements.

    Attributes:
        storage: the numbers.
        offset: index of the first element in the storage.
        size: shape.
        stride: steps between neighbours along each axis.
    """

    storage: StorageRef
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One of our own functions that a pickle may call by naming the function it stands for."""

    function: Callable[..., object]


def checked_key(key: object) -> object:
    """Return `key` if it may be a dictionary key or set member.

    Only short values with a flat hash pass: nested tuples exhaust the C stack when they are hashed,
    large integers and fractions can be chosen so that thousands collide, and equal long texts are slow
    to compare.
    """
    if isinstance(key, int) and key.bit_length() > MAX_KEY_BITS:
        raise CheckpointError(f"a dictionary key is an integer of more than {MAX_KEY_BITS} bits")
    if isinstance(key, (str, bytes)) and len(key) > _MAX_KEY_LENGTH:
        raise CheckpointError(f"a dictionary key has {len(key)} characters")
    if key is None or isinstance(key, (str, int, bytes, Stub)):
        return key
    if isinstance(key, tuple) and len(key) <= _MAX_KEY_PARTS and all(isinstance(part, (str, int)) for part in key):
        return tuple(checked_key(part) for part in key)
    raise CheckpointError(f"a dictionary key or set member is of type {type(key).__name__}")
