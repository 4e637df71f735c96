"""Writes checkpoint files opcode by opcode, honest and hostile ones, without torch or the reference."""

import pickle
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Instance:
    """An instance of any class: what NEWOBJ and BUILD write for it."""

    name: str
    state: Any = None


@dataclass
class Called:
    """A call of a named function with arguments: what REDUCE writes for it."""

    name: str
    args: tuple[Any, ...] = ()


@dataclass
class Tensor:
    """A tensor as torch writes it; everything may be a lie."""

    key: str = "0"
    count: int = 1
    size: tuple[Any, ...] = (1,)
    stride: tuple[Any, ...] = (1,)
    offset: int = 0
    storage: str = "FloatStorage"


@dataclass
class Raw:
    """Opcodes that leave one value on the stack."""

    code: bytes = field(default=b"N")


def global_code(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def code(value: Any) -> bytes:  # noqa: C901
    """Return the opcodes that push `value`."""
    match value:
        case Raw():
            return value.code
        case Instance():
            return global_code(value.name) + b")\x81" + (b"" if value.state is None else code(value.state) + b"b")
        case Called():
            return global_code(value.name) + code(value.args) + b"R"
        case Tensor():
            place = b"(" + code("storage") + global_code(f"torch.{value.storage}") + code(value.key) + code("cpu")
            place += code(value.count) + b"tQ"
            args = [Raw(place), value.offset, value.size, value.stride, False, Called("collections.OrderedDict")]
            return code(Called("torch._utils._rebuild_tensor_v2", tuple(args)))
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        case int():
            raw = pickle.encode_long(value)
            return b"\x8a" + bytes([len(raw)]) + raw
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            raw = value.encode()
            return b"X" + struct.pack("<I", len(raw)) + raw
        case tuple():
            return b"(" + b"".join(map(code, value)) + b"t"
        case list():
            return b"](" + b"".join(map(code, value)) + b"e"
        case dict():
            return b"}(" + b"".join(code(part) for pair in value.items() for part in pair) + b"u"
    raise TypeError(type(value))


def program(value: Any) -> bytes:
    """Return a whole protocol-2 pickle."""
    return b"\x80\x02" + code(value) + b"."


def module(
    name: str, tensors: dict[str, Any] | None = None, children: dict[str, Any] | None = None, **rest: Any
) -> Instance:
    """Return a network module of the class `name`."""
    state = {"training": False, "_parameters": tensors or {}, "_buffers": {}, "_modules": children or {}, **rest}
    return Instance(name, state)


def network(weight: Any = None, **attributes: Any) -> Instance:
    """Return the smallest pose network: one convolution with the parameter `weight`."""
    conv = module("torch.nn.modules.conv.Conv2d", {"weight": Tensor() if weight is None else weight, "bias": None})
    layers = module("torch.nn.modules.container.Sequential", children={"0": conv})
    attributes = {"names": {0: "person"}, **attributes}
    return module("ultralytics.nn.tasks.PoseModel", children={"model": layers}, **attributes)


def archive(path: Path, pickled: bytes, storages: dict[str, bytes] | None = None, **extra: bytes) -> Path:
    """Write the ZIP container that torch writes around a pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/byteorder", "little")
        for key, raw in ({"0": bytes(4)} if storages is None else storages).items():
            file.writestr(f"archive/data/{key}", raw)
        for name, raw in extra.items():
            file.writestr(f"archive/{name}", raw)
        file.writestr("archive/version", "3\n")
    return path


def checkpoint(path: Path, top: Any, storages: dict[str, bytes] | None = None, **extra: bytes) -> Path:
    """Write a checkpoint file whose top-level value is `top`."""
    return archive(path, program(top), storages, **extra)
