"""Texts inside exported files of every format: written into a finished file, and read without its runtime.

Files of protocol buffers (ONNX, CoreML, TensorFlow graphs) take further fields at their end, zip files (TorchScript,
and LiteRT files, which end where the zip begins) further members, folders a `metadata.yaml`, and engines a header.
"""

import json
import zipfile
import zlib
from ast import literal_eval
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from posekit.errors import CheckpointError
from posekit.files.reading import parse_yaml, read_bytes, read_file

YAML_NAME: Final = "metadata.yaml"
TORCHSCRIPT_MEMBER: Final = "extra/config.txt"
ZIP_MEMBER: Final = "metadata.json"
GRAPH_NODE: Final = "posekit_metadata"
LARGEST_HEADER: Final = 4_000_000
# What reading damaged bytes raises: zip files of strange kinds, texts that are none, fields and keys that are missing.
DAMAGES: Final = (
    ValueError, LookupError, TypeError, AttributeError, EOFError, RecursionError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error, yaml.YAMLError,
)  # fmt: skip

# Numbers of fields, from the published .proto files.
ONNX_GRAPH, ONNX_METADATA = 7, 14
MLMODEL_DESCRIPTION, MLMODEL_METADATA, MLMODEL_USER = 2, 100, 100
GRAPH_NODES, NODE_NAME, NODE_OP, NODE_ATTRIBUTES = 1, 1, 2, 5
ATTRIBUTE_STRING, ATTRIBUTE_TYPE, ATTRIBUTE_TENSOR = 2, 6, 8
TENSOR_TYPE, TENSOR_SHAPE, TENSOR_STRINGS, DT_STRING = 1, 2, 8, 7


def write_texts(path: Path, texts: Mapping[str, str]) -> None:
    """Write texts into a finished file or folder.

    Raises:
        OSError: the file cannot be written.
    """
    if path.suffix.lower() == ".mlpackage":
        _append(path / "Data/com.apple.CoreML/model.mlmodel", _mlmodel_fields(texts))
    elif path.is_dir():
        plain = {key: _from_text(value) for key, value in texts.items()}
        (path / YAML_NAME).write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")
    elif path.suffix.lower() == ".onnx":
        _append(path, b"".join(_field(ONNX_METADATA, _entry(*item)) for item in texts.items()))
    elif path.suffix.lower() == ".pb":
        _append(path, _field(GRAPH_NODES, _text_node(json.dumps(dict(texts)))))
    elif path.suffix.lower() == ".engine":
        header = json.dumps(dict(texts)).encode()
        plan = path.read_bytes()
        path.write_bytes(len(header).to_bytes(4, "little") + header + plan)
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(_member_of(archive), json.dumps(dict(texts)))


def read_texts(path: Path) -> dict[str, str]:
    """Return the texts in a file or folder of any format; none where it holds none.

    Raises:
        CheckpointError: the file is damaged, or cannot be read.
    """
    try:
        if path.suffix.lower() == ".mlpackage":
            return _mlmodel_texts(read_bytes(path / "Data/com.apple.CoreML/model.mlmodel"))
        if path.is_dir():
            return _yaml_texts(path / YAML_NAME)
        if path.suffix.lower() == ".onnx":
            fields = _fields(memoryview(read_bytes(path)))
            return dict(_pair(bytes(value)) for number, value in fields if number == ONNX_METADATA)
        if path.suffix.lower() == ".pb":
            return _graph_texts(memoryview(read_bytes(path)))
        if path.suffix.lower() == ".engine":
            return _header_texts(path)
        return _zip_texts(path)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from error
    except DAMAGES as error:
        raise CheckpointError(f"{path} is cut off or damaged: export it again") from error


def engine_plan(path: Path) -> bytes:
    """Return what TensorRT reads of an engine: all behind the header, where there is one."""
    data = path.read_bytes()
    size = int.from_bytes(data[:4], "little")
    return data[4 + size :] if data[4:5] == b"{" and size <= LARGEST_HEADER else data


def _yaml_texts(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    data = read_file(path, CheckpointError, limit=LARGEST_HEADER)
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(data)):
        raise CheckpointError(f"{path} has YAML aliases, which no exporter writes")
    plain = parse_yaml(data, CheckpointError, str(path))
    if not isinstance(plain, dict):
        raise CheckpointError(f"{path} is no table of facts: export the model again")
    return {str(key): _to_text(value) for key, value in plain.items()}


def _to_text(value: Any) -> str:
    """Return the text that `_from_text` made a value of; class names, by number, are as Python writes them."""
    if isinstance(value, str):
        return value
    numbered = isinstance(value, dict) and all(isinstance(key, int) for key in value)
    return repr(value) if numbered else json.dumps(value, default=str)


def _from_text(text: str) -> Any:
    """Return what a text stands for, for people who read YAML."""
    try:
        value = literal_eval(text) if text[:1] == "{" else json.loads(text) if text[:1] in "[0123456789tfn" else text
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, str) or _to_text(value) == text else text


def _zip_texts(path: Path) -> dict[str, str]:
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        name = _member_of(archive)
        if name not in archive.namelist():
            return {}
        if archive.getinfo(name).file_size > LARGEST_HEADER:
            raise ValueError("too long")
        texts = json.loads(archive.read(name))
    return {str(key): str(value) for key, value in texts.items()}


def _member_of(archive: zipfile.ZipFile) -> str:
    """Return the name of the member for texts: TorchScript keeps its members in one folder."""
    folders = {name.split("/")[0] for name in archive.namelist() if name.endswith("/data.pkl")}
    return f"{folders.pop()}/{TORCHSCRIPT_MEMBER}" if folders else ZIP_MEMBER


def _header_texts(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(4), "little")
        head = file.read(size) if size <= LARGEST_HEADER else b""
    return {str(key): str(value) for key, value in json.loads(head).items()} if head[:1] == b"{" else {}


def _mlmodel_fields(texts: Mapping[str, str]) -> bytes:
    """Return a second description, which readers merge with the first."""
    metadata = b"".join(_field(MLMODEL_USER, _entry(*item)) for item in texts.items())
    return _field(MLMODEL_DESCRIPTION, _field(MLMODEL_METADATA, metadata))


def _mlmodel_texts(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, description in _fields(memoryview(data)):
        if number == MLMODEL_DESCRIPTION:
            for inner, metadata in _fields(description):
                if inner == MLMODEL_METADATA:
                    found |= dict(_pair(bytes(entry)) for key, entry in _fields(metadata) if key == MLMODEL_USER)
    return found


def _text_node(text: str) -> bytes:
    """Return a node of a TensorFlow graph: a constant text that nothing reads."""
    tensor = _varint_field(TENSOR_TYPE, DT_STRING) + _field(TENSOR_SHAPE, b"") + _field(TENSOR_STRINGS, text.encode())
    value = _entry_bytes("value", _field(ATTRIBUTE_TENSOR, tensor))
    dtype = _entry_bytes("dtype", _varint_field(ATTRIBUTE_TYPE, DT_STRING))
    attributes = _field(NODE_ATTRIBUTES, dtype) + _field(NODE_ATTRIBUTES, value)
    return _field(NODE_NAME, GRAPH_NODE.encode()) + _field(NODE_OP, b"Const") + attributes


def _graph_texts(data: memoryview) -> dict[str, str]:
    for number, node in _fields(data):
        parts = list(_fields(node)) if number == GRAPH_NODES else []
        if any(key == NODE_NAME and bytes(value) == GRAPH_NODE.encode() for key, value in parts):
            for key, attribute in parts:
                entry = dict(_fields(attribute)) if key == NODE_ATTRIBUTES else {}
                if entry and bytes(entry[1]) == b"value":
                    tensor = dict(_fields(dict(_fields(entry[2]))[ATTRIBUTE_TENSOR]))
                    return {str(k): str(v) for k, v in json.loads(bytes(tensor[TENSOR_STRINGS])).items()}
    return {}


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and content of the fields of a message that have a length; others are passed over.

    Raises:
        ValueError, IndexError: this is no message, or one that was cut off.
    """
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            _, place = _read_varint(data, place)
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
            if place > len(data):
                raise ValueError("cut off")
        elif kind == 2:
            size, place = _read_varint(data, place)
            if place + size > len(data):
                raise ValueError("cut off")
            yield number, data[place : place + size]
            place += size
        else:
            raise ValueError(f"wire type {kind}")


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("no number")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _entry(key: str, value: str) -> bytes:
    """Return an entry of a table: field 1 is the key, field 2 the value, in every format."""
    return _entry_bytes(key, value.encode())


def _entry_bytes(key: str, value: bytes) -> bytes:
    return _field(1, key.encode()) + _field(2, value)


def _pair(entry: bytes) -> tuple[str, str]:
    parts = {number: bytes(value).decode() for number, value in _fields(memoryview(entry))}
    return parts[1], parts.get(2, "")
