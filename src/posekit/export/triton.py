"""A model folder for the Triton inference server: the file under its name there, and `config.pbtxt` with the facts."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from posekit.errors import CheckpointError, SettingError
from posekit.files.writing import drafting, naming_errors
from posekit.models.exported.facts import Facts
from posekit.models.exported.metadata import engine_plan
from posekit.models.exported.open import open_exported
from posekit.models.exported.ports import READERS, Port

KEY: Final = "metadata"
# Format -> the line that says who runs it, and the name of the file in the folder of a version.
RUN_BY: Final = {
    "onnx": ('platform: "onnxruntime_onnx"', "model.onnx"),
    "engine": ('platform: "tensorrt_plan"', "model.plan"),
    "openvino": ('backend: "openvino"', "model.xml"),
}
LARGEST_BATCH: Final = 8
_METADATA: Final = re.compile(rf'key:\s*"{KEY}"\s*value:?\s*\{{\s*string_value:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def triton_config(path: str | Path, largest_batch: int = LARGEST_BATCH) -> str:
    """Return the text of `config.pbtxt` for an exported file.

    Fixed files have ``max_batch_size: 0`` and their batch as the first dimension, dynamic ones the largest batch and
    dimensions without it. The parameter ``metadata`` is one text, JSON in ASCII: task, names, kpt_shape and whatever
    else the file says of itself; `read_triton_metadata` reads it.

    Args:
        path: an ONNX file, a TensorRT engine or an OpenVINO folder, as export wrote it.
        largest_batch: the most pictures that Triton may put together, where the file is dynamic and sets no limit.

    Raises:
        SettingError: Triton has no runtime for the format.
        CheckpointError: there is no such file, or it is damaged.
        MissingExtraError: the runtime that tells the shapes is not installed.
    """
    path = Path(path)
    exported = open_exported(path)
    form, facts = exported.format, exported.facts
    if form not in RUN_BY:
        raise SettingError(f"{path}: Triton runs {', '.join(RUN_BY)}, not {form}: export the model as one of these")
    free = facts.dynamic
    sides = [-1, -1] if facts.any_size else list(facts.imgsz)
    ports = READERS[form](path, facts.imgsz) if form in READERS else None
    outputs: Sequence[Port] = _engine_outputs(facts) if ports is None else ports.outputs
    name = ports.inputs[0].name if ports is not None and form == "onnx" else "images"
    largest = (facts.batch if form == "engine" else largest_batch) if free else 0
    lines = [f"name: {_quoted(model_name(path))}", RUN_BY[form][0], f"max_batch_size: {largest}"]
    lines += _tensors("input", [Port(name, (facts.batch, 3, *sides))], free)
    names = facts.outputs if len(facts.outputs) == len(outputs) else [port.name for port in outputs]
    lines += _tensors("output", [Port(name, port.shape) for name, port in zip(names, outputs, strict=True)], free)
    lines += [f'parameters {{ key: "{KEY}" value {{ string_value: {_quoted(_metadata(facts))} }} }}']
    return "\n".join(lines) + "\n"


def read_triton_metadata(text: str) -> dict[str, Any]:
    """Return the facts in a `config.pbtxt`, or in the JSON of a model's configuration that Triton gives clients.

    Raises:
        CheckpointError: there are none, or they are damaged.
    """
    try:
        if text.lstrip().startswith("{"):
            found = json.loads(text)["parameters"][KEY]["string_value"]
        else:
            match = _METADATA.search(text)
            found = _unescaped(match[1]) if match else None
        facts = json.loads(found)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"this configuration of Triton holds no readable parameter {KEY!r}") from error
    if not isinstance(facts, dict):
        raise CheckpointError(f"the parameter {KEY!r} of this configuration of Triton is no table of facts")
    return facts


def write_triton_model(path: str | Path, out: str | Path, largest_batch: int = LARGEST_BATCH) -> Path:
    """Write ``out/NAME/config.pbtxt`` and ``out/NAME/1/model.*``; a folder of that name there is replaced.

    Returns:
        The folder of the model.

    Raises:
        OutputError: it cannot be written.
        SettingError, CheckpointError, MissingExtraError: as for `triton_config`.
    """
    path = Path(path)
    config = triton_config(path, largest_batch)
    folder = Path(out) / model_name(path)
    with naming_errors(folder), drafting(folder) as draft:
        version = draft / "1"
        version.mkdir(parents=True)
        if path.is_dir():
            for part in (".xml", ".bin"):
                shutil.copyfile(next(path.glob(f"*{part}")), version / f"model{part}")
        elif path.suffix == ".engine":
            (version / "model.plan").write_bytes(engine_plan(path))  # Triton knows nothing of the header
        else:
            shutil.copyfile(path, version / "model.onnx")
        (draft / "config.pbtxt").write_text(config, encoding="utf-8")
    return folder


def model_name(path: Path) -> str:
    """Return the name that a model has for Triton: that of the file without its ending."""
    return path.name.removesuffix("_openvino_model") if path.is_dir() else path.stem


def _engine_outputs(facts: Facts) -> list[Port]:
    """Return the outputs of an engine, which no runtime is asked for; none of queries, which Triton asks itself."""
    values = 0 if facts.schema is None else facts.schema.shape[0] * facts.schema.shape[1]
    height, width = facts.imgsz
    anchors = sum((height // stride) * (width // stride) for stride in (8, 16, 32, 64) if stride <= facts.stride)
    free = facts.any_size
    if facts.layout == "dense":
        shape: tuple[int | None, ...] = (
            facts.batch,
            4 + len(facts.names) + values + facts.masks,
            None if free else anchors,
        )
    elif facts.layout == "rows":
        shape = (facts.batch, facts.max_det, 6 + values + facts.masks)
    else:
        return []
    sides = (None, None) if free else (height // 4, width // 4)
    return [Port("output0", shape), *([Port("output1", (facts.batch, facts.masks, *sides))] if facts.masks else [])]


def _tensors(kind: str, ports: Sequence[Port], without_batch: bool) -> list[str]:
    lines = []
    for port in ports:
        dims = [-1 if side is None else side for side in port.shape][1 if without_batch else 0 :]
        lines.append(f"{kind} {{ name: {_quoted(port.name)} data_type: TYPE_FP32 dims: {dims} }}")
    return lines


def _metadata(facts: Facts) -> str:
    plain = facts.to_plain()
    return json.dumps(plain | (plain["schema"] or {}), ensure_ascii=True)


def _quoted(text: str) -> str:
    """Return a text as protobuf's text format has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _unescaped(text: str) -> str:
    def plain(match: re.Match[bytes]) -> bytes:
        if match[3] is not None:
            return _LETTERS.get(match[3], match[3])
        return bytes([int(match[1], 16) if match[1] else int(match[2], 8) & 255])

    return _ESCAPE.sub(plain, text.encode()).decode()
