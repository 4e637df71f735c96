"""The complete list of names that a foreign pickle may use, and the harmless value each stands for."""

import struct
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

from posekit.checkpoint.inert import Call, ClassName, StorageRef, StorageType, Stub, TensorRef, checked_key
from posekit.errors import CheckpointError

STORAGE_DTYPES = {
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
"""Storage classes of torch and the dtype of their elements."""

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


def resolve_global(module: str, name: str) -> ClassName | StorageType | Call:
    """Return the inert value that a name in a pickle stands for.

    Raises:
        CheckpointError: for every name that is not on the list.
    """
    if module == "torch" and name in STORAGE_DTYPES:
        return StorageType(STORAGE_DTYPES[name])
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
