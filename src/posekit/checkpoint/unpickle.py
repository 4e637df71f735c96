"""A small pickle machine that can build data and nothing else.

It is written out instead of subclassing `pickle.Unpickler`, whose memo and byte-array instructions
allocate what a file asks for, and whose BUILD and APPEND call methods of whatever lies on the
stack. Here nothing is imported, and nothing is called but the functions in `_CALLS`.

From top to bottom: how much a file may ask for; the inert values that a pickle is made into; the
names that it may hold, with the functions that stand for them; the machine; its instructions;
`unpickle`, which runs them.
"""

import pickle
import pickletools
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from posekit.errors import CheckpointError

# Longest program that is run; a YOLO26n-pose file saved during training needs 100 000 instructions.
_MAX_INSTRUCTIONS = 2_000_000
# Together, the sizes of all arguments of calls: one long value could be copied over and over.
_MAX_CALL_SIZE = 2_000_000
_MAX_INTEGER_BYTES = 32  # states of random generators have 128 bits
_MAX_NAME_BYTES = 512  # of a module or class
# Of dictionary keys: whole numbers, texts, and how many of these in a tuple.
MAX_KEY_BITS = 20
_MAX_KEY_LENGTH = 4096
_MAX_KEY_PARTS = 16


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class that the file names: dotted module, and name inside the module."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Stub:
    """An instance of a class that the file names: its name and the stored state.

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
    """Where the numbers of tensors lie: name in the archive, torch dtype, and how many the pickle declares."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor that has not been read yet: a strided view on a storage; offset, size and stride in elements."""

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


# Storage classes of torch and the dtype of their elements.
_STORAGE_DTYPES = {
    "HalfStorage": "float16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}

_STUB_MODULES = ("torch.nn.modules.", "ultralytics.")

_STUB_CLASSES = frozenset({
    ("argparse", "Namespace"),
    ("types", "SimpleNamespace"),
    ("numpy", "dtype"),
    ("torch", "device"),
    ("torch", "float16"),
    ("torch", "bfloat16"),
    ("torch", "float32"),
    ("torch", "float64"),
    ("torch", "int64"),
})  # fmt: skip

_PATH_CLASSES = {"PosixPath": PurePosixPath, "PurePosixPath": PurePosixPath,
                 "WindowsPath": PureWindowsPath, "PureWindowsPath": PureWindowsPath}  # fmt: skip
_NUMPY_FORMATS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
                  "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "b1": "?"}  # fmt: skip


def _tensor(
    storage: object, offset: object, size: object, stride: object, requires_grad: object, hooks: object, *rest: object
) -> TensorRef:
    if not isinstance(storage, StorageRef) or not isinstance(offset, int):
        raise CheckpointError("a tensor without storage or offset")
    return TensorRef(storage, offset, _integers(size), _integers(stride))


def _parameter(tensor: object, *rest: object) -> TensorRef:
    if not isinstance(tensor, TensorRef):
        raise CheckpointError(f"a parameter is made from {type(tensor).__name__} instead of a tensor")
    return tensor


def _integers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or not all(type(value) is int for value in values):
        raise CheckpointError("the shape or stride of a tensor is not a tuple of integers")
    return values


def _size(*args: object) -> tuple[int, ...]:
    values = args[0] if args else ()
    return _integers(tuple(values) if isinstance(values, list) else values)


def _ordered_dict(*args: object) -> dict[object, object]:
    pairs = args[0] if args else []
    if not isinstance(pairs, list) or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise CheckpointError("an ordered dictionary is not made from a list of pairs")
    return {checked_key(key): value for key, value in pairs}


def _counter(counts: object = None) -> dict[object, object]:
    return dict(counts) if isinstance(counts, dict) else {}


def _set(members: object = ()) -> set[object]:
    if not isinstance(members, (list, tuple)):
        raise CheckpointError(f"a set is made from {type(members).__name__} instead of a list")
    return {checked_key(member) for member in members}


def _bound_method(*args: object) -> None:
    """Stands for getattr(module, "forward_fuse"), a method that fused networks store; it has no use here."""


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Bytes as protocol 2 spells them."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise CheckpointError("bytes are stored in another encoding than latin1")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """Protocol 2 spells empty bytes as a call without arguments."""
    return b""


def _numpy_scalar(dtype: object, raw: object = b"") -> float | int | bool:
    if not isinstance(dtype, Stub) or not isinstance(raw, bytes) or not dtype.args:
        raise CheckpointError("a NumPy number without dtype or bytes")
    name = dtype.args[0]
    code = _NUMPY_FORMATS.get(name) if isinstance(name, str) else None
    if code is None or len(raw) != struct.calcsize(f"={code}"):
        raise CheckpointError(f"a NumPy number of an unknown dtype, or with {len(raw)} bytes")
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 else "<"
    value: float | int | bool = struct.unpack(f"{'>' if order == '>' else '<'}{code}", raw)[0]
    return value


def _path_text(kind: str, parts: Sequence[object]) -> str:
    if not all(isinstance(part, str) for part in parts):
        raise CheckpointError("a path is made from something else than text")
    return str(_PATH_CLASSES[kind](*(str(part) for part in parts)))


_CALLS = {
    ("torch._utils", "_rebuild_tensor_v2"): Call(_tensor),
    ("torch._utils", "_rebuild_parameter"): Call(_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Call(_parameter),
    ("torch", "Size"): Call(_size),
    ("collections", "OrderedDict"): Call(_ordered_dict),
    ("collections", "Counter"): Call(_counter),
    ("__builtin__", "set"): Call(_set),
    ("builtins", "set"): Call(_set),
    ("__builtin__", "bytes"): Call(_empty_bytes),
    ("builtins", "bytes"): Call(_empty_bytes),
    ("__builtin__", "getattr"): Call(_bound_method),
    ("builtins", "getattr"): Call(_bound_method),
    ("_codecs", "encode"): Call(_encode),
    ("numpy.core.multiarray", "scalar"): Call(_numpy_scalar),
    ("numpy._core.multiarray", "scalar"): Call(_numpy_scalar),
}


def _resolved(module: str, name: str) -> ClassName | StorageType | Call:
    """Return the inert value that a name in a pickle stands for.

    Raises:
        CheckpointError: for every name that is not on the list.
    """
    if module == "torch" and name in _STORAGE_DTYPES:
        return StorageType(_STORAGE_DTYPES[name])
    call = _CALLS.get((module, name))
    if call is not None:
        return call
    if module in ("pathlib", "pathlib._local") and name in _PATH_CLASSES:
        return Call(lambda *parts: _path_text(name, parts))
    if module.startswith("models.") or module == "models":
        raise CheckpointError(
            f"this is a YOLOv5 file (it names {module}.{name}); posekit reads YOLOv8, YOLO11 and YOLO26 networks"
        )
    if module.startswith(_STUB_MODULES) or (module, name) in _STUB_CLASSES:
        return ClassName(module, name)
    raise CheckpointError(
        f"the file asks for {module}.{name}, which no network needs; nothing was run. "
        "If you trust its source, save its weights as a state dict and load that"
    )


class _Machine:
    """The program, the position in it, the stack with its marks, and the memo.

    The methods raise one of `_PROGRAM_PROBLEMS` when a program is malformed, and `CheckpointError` when it is sound
    but asks for too much.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[object] = []
        self.marked: list[list[object]] = []
        self.memo: dict[int, object] = {}
        self.call_budget = _MAX_CALL_SIZE

    def take(self, count: int) -> bytes:
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
        self.call_budget -= sum(len(arg) for arg in args if isinstance(arg, (str, bytes, list, tuple, dict)))
        if self.call_budget < 0:
            raise CheckpointError("the object graph hands more data to calls than any network needs")

    def pop_tuple(self) -> tuple[object, ...]:
        value = self.stack.pop()
        if type(value) is not tuple:
            raise TypeError(f"arguments are {type(value).__name__} instead of a tuple")
        return value


def _protocol(machine: _Machine) -> None:
    version = machine.number("<B")
    if version != 2:
        raise CheckpointError(
            f"pickle protocol {version}: save the file again with the default of torch.save, which is 2"
        )


def _mark(machine: _Machine) -> None:
    machine.marked.append(machine.stack)
    machine.stack = []


def _pop(machine: _Machine) -> None:
    machine.stack.pop()


def _long(machine: _Machine) -> None:
    length = machine.number("<B")
    if length > _MAX_INTEGER_BYTES:
        raise CheckpointError(f"an integer of {length} bytes")
    machine.stack.append(int.from_bytes(machine.take(length), "little", signed=True))


def _float(machine: _Machine) -> None:
    machine.stack.append(struct.unpack(">d", machine.take(8))[0])


def _text(machine: _Machine) -> None:
    machine.stack.append(machine.take(machine.number("<I")).decode("utf-8", "surrogatepass"))


def _put(machine: _Machine, form: str) -> None:
    machine.memo[machine.number(form)] = machine.stack[-1]


def _get(machine: _Machine, form: str) -> None:
    machine.stack.append(machine.memo[machine.number(form)])


def _integer(machine: _Machine, form: str) -> None:
    machine.stack.append(machine.number(form))


def _constant(machine: _Machine, value: object) -> None:
    machine.stack.append(value)


def _empty_list(machine: _Machine) -> None:
    machine.stack.append([])


def _empty_dict(machine: _Machine) -> None:
    machine.stack.append({})


def _tuple_since_mark(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.stack.append(tuple(values))


def _tuple_of(machine: _Machine, count: int) -> None:
    values = [machine.stack.pop() for _ in range(count)]
    machine.stack.append(tuple(reversed(values)))


def _append(machine: _Machine) -> None:
    value = machine.stack.pop()
    _extend(machine.stack[-1], [value])


def _appends(machine: _Machine) -> None:
    values = machine.since_mark()
    _extend(machine.stack[-1], values)


def _extend(target: object, values: list[object]) -> None:
    if type(target) is not list:
        raise TypeError(f"values are appended to {type(target).__name__}")
    target.extend(values)


def _set_item(machine: _Machine) -> None:
    value = machine.stack.pop()
    key = machine.stack.pop()
    _update(machine.stack[-1], [key, value])


def _set_items(machine: _Machine) -> None:
    values = machine.since_mark()
    _update(machine.stack[-1], values)


def _update(target: object, flat: list[object]) -> None:
    """Store alternating keys and values into a dictionary."""
    if type(target) is not dict or len(flat) % 2:
        raise TypeError(f"{len(flat)} keys and values are stored into {type(target).__name__}")
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        target[checked_key(key)] = value


def _global(machine: _Machine) -> None:
    module = machine.line()
    machine.stack.append(_resolved(module, machine.line()))


def _new_object(machine: _Machine) -> None:
    args = machine.pop_tuple()
    origin = machine.stack.pop()
    if type(origin) is not ClassName:
        raise TypeError(f"an instance of {type(origin).__name__} is asked for")
    machine.stack.append(Stub(origin, args))


def _reduce(machine: _Machine) -> None:
    args = machine.pop_tuple()
    target = machine.stack.pop()
    if type(target) is Call:
        machine.spend(args)
        machine.stack.append(target.function(*args))
    elif type(target) is ClassName:
        machine.stack.append(Stub(target, args))
    else:
        raise TypeError(f"a call of {type(target).__name__} is asked for")


def _build(machine: _Machine) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if type(target) is Stub:
        target.state = state
    elif type(target) not in (dict, TensorRef):  # attributes of a state dict or tensor have no use here
        raise TypeError(f"state is stored into {type(target).__name__}")


def _persistent(machine: _Machine) -> None:
    match machine.stack.pop():
        case ("storage", StorageType(dtype=dtype), str(key), _, int(count)) if count >= 0:
            machine.stack.append(StorageRef(key, dtype, count))
        case _:
            raise TypeError("a reference to something else than a tensor storage")


# What each opcode does; STOP, which ends a program, is not among them.
_INSTRUCTIONS: dict[int, Callable[[_Machine], None]] = {
    code[0]: instruction
    for code, instruction in (
        (pickle.PROTO, _protocol),
        (pickle.MARK, _mark),
        (pickle.POP, _pop),
        (pickle.NONE, partial(_constant, value=None)),
        (pickle.NEWTRUE, partial(_constant, value=True)),
        (pickle.NEWFALSE, partial(_constant, value=False)),
        (pickle.BININT, partial(_integer, form="<i")),
        (pickle.BININT1, partial(_integer, form="<B")),
        (pickle.BININT2, partial(_integer, form="<H")),
        (pickle.LONG1, _long),
        (pickle.BINFLOAT, _float),
        (pickle.BINUNICODE, _text),
        (pickle.EMPTY_LIST, _empty_list),
        (pickle.EMPTY_DICT, _empty_dict),
        (pickle.EMPTY_TUPLE, partial(_constant, value=())),
        (pickle.TUPLE, _tuple_since_mark),
        (pickle.TUPLE1, partial(_tuple_of, count=1)),
        (pickle.TUPLE2, partial(_tuple_of, count=2)),
        (pickle.TUPLE3, partial(_tuple_of, count=3)),
        (pickle.APPEND, _append),
        (pickle.APPENDS, _appends),
        (pickle.SETITEM, _set_item),
        (pickle.SETITEMS, _set_items),
        (pickle.BINPUT, partial(_put, form="<B")),
        (pickle.LONG_BINPUT, partial(_put, form="<I")),
        (pickle.BINGET, partial(_get, form="<B")),
        (pickle.LONG_BINGET, partial(_get, form="<I")),
        (pickle.GLOBAL, _global),
        (pickle.NEWOBJ, _new_object),
        (pickle.REDUCE, _reduce),
        (pickle.BUILD, _build),
        (pickle.BINPERSID, _persistent),
    )
}

# What a malformed program runs into: short data, an empty stack, a missing memo entry, a wrong type.
_PROGRAM_PROBLEMS = (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)


def unpickle(data: bytes) -> object:
    """Build the object graph that a pickle describes, without importing or calling anything it names.

    Args:
        data: a protocol-2 pickle as `torch.save` writes it.

    Returns:
        Plain values, with `Stub` for instances, `ClassName` for classes and `TensorRef` for tensors.

    Raises:
        CheckpointError: for damaged pickles, names and instructions that no checkpoint needs.
    """
    machine = _Machine(data)
    try:
        return _run(machine)
    except CheckpointError:  # a ValueError too, but one that already explains itself
        raise
    except _PROGRAM_PROBLEMS as error:
        raise CheckpointError(
            f"the object graph is damaged at byte {machine.at} ({error}): fetch the file again"
        ) from error


def _run(machine: _Machine) -> object:
    for _ in range(_MAX_INSTRUCTIONS):
        code = machine.data[machine.at]
        machine.at += 1
        instruction = _INSTRUCTIONS.get(code)
        if instruction is not None:
            instruction(machine)
        elif code == pickle.STOP[0]:
            return machine.stack.pop()
        else:
            raise CheckpointError(_refusal(code))
    raise CheckpointError(f"the object graph has more than {_MAX_INSTRUCTIONS} instructions; no network needs so many")


def _refusal(code: int) -> str:
    known = next((op.name for op in pickletools.opcodes if ord(op.code) == code), None)
    name = f"0x{code:02x}" if known is None else f"{known} (0x{code:02x})"
    return f"the object graph uses the pickle instruction {name}, which torch.save does not write; nothing was run"
