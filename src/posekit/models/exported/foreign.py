"""Exported files of other programs: facts from the keys that they hold, their shapes, and what the user writes beside.

Most exporters of YOLO networks write the same few keys (task, names, kpt_shape, stride, imgsz); texts such as
``{0: 'person'}`` are Python or JSON. What a file does not say ``FILE.yaml`` beside it tells; a task is never guessed.
"""

import ast
import json
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np

from posekit.config.commands import TASKS, TASKS_WITH_KEYPOINTS, TASKS_WITH_OUTLINES
from posekit.errors import CheckpointError, PosekitError
from posekit.files.reading import read_yaml
from posekit.models.exported.facts import Facts, Size, Unit, checked
from posekit.models.exported.metadata import DAMAGES
from posekit.models.exported.ports import READERS, Port, Ports
from posekit.schema.read import schema_from_yaml
from posekit.schema.schema import KeypointSchema

# What other programs and users may say; everything else is passed over, or refused where a user wrote it.
POINT_KEYS: Final = ("kpt_shape", "kpt_names", "skeleton", "flip_idx", "flip_idx_ud", "kpt_oks_sigmas")
USER_KEYS: Final = ("task", "names", *POINT_KEYS, "stride", "imgsz", "unit", "layout")
KEYS: Final = ("task", "names", *POINT_KEYS, "stride", "imgsz", "args", "license")
LONGEST_TEXT: Final = 1_000_000
DEEPEST: Final = 16  # brackets within brackets; real texts have three
STRIDES: Final = (8, 16, 32, 64)
BY_POSITION: Final = ("torchscript", "openvino")  # formats whose outputs posekit takes in the order of the file
# Centres and corners of boxes that lie in fractions stay below it; in pixels only those in one corner of a picture do.
LARGEST_FRACTION: Final = 2.0
FEWEST_ROWS: Final = 20  # so many boxes all over the picture tell pixels from fractions
EXAMPLE: Final = "{task: pose, names: [person], kpt_shape: [17, 3], unit: pixels}"


def foreign_facts(path: Path, form: str, texts: Mapping[str, str], task: str | None = None) -> Facts:
    """Return what is known of a file that posekit did not write.

    Args:
        path: file or folder.
        form: its format.
        texts: what `posekit.models.exported.metadata.read_texts` found in it.
        task: what the user holds the task for; it counts where neither the file nor ``FILE.yaml`` says one.

    Raises:
        CheckpointError: something is missing or contradicts the shapes of the outputs; the message says what, and how
            to tell it.
        MissingExtraError: the runtime of the format is not installed.
    """
    note = path.with_name(path.name + ".yaml")
    told = _from_file(path, texts) | _from_user(note)
    told.setdefault("task", task)
    _refuse_gaps(path, note, told, _gaps(told))
    names = _names(told["names"], path)
    schema = _schema(told, path) if told["task"] in TASKS_WITH_KEYPOINTS else None
    if form not in READERS:
        raise CheckpointError(
            f"{path} is of another program: posekit reads such files as {', '.join(READERS)}, not as {form}; "
            "export the network again as one of these"
        )
    imgsz = None if told.get("imgsz") is None else _size(told["imgsz"], path)
    ports = READERS[form](path, imgsz)
    facts = Facts(
        task=told["task"], names=names, schema=schema, placing="letterbox", stride=1, imgsz=(1, 1), layout="dense",
        selection="suppress", unit="pixels", outputs=tuple(port.name for port in ports.outputs),
        precision=_precision(told), license=told.get("license"), model=path.stem,
    )  # fmt: skip
    facts = _with_input(facts, ports.inputs, imgsz, told, path, note)
    facts = _with_layout(facts, ports, told, path, form)
    facts = _with_stride(facts, ports, told, path, note)
    unit = told["unit"] if told.get("unit") else _measured_unit(checked(facts, str(path)), path, form, note, told)
    return checked(replace(facts, unit=unit), str(path))


def _from_file(path: Path, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that a file holds under known keys."""
    texts = texts or _zipped_texts(path)
    told = {key: _plain(texts[key], f"{path}: {key}") for key in KEYS if texts.get(key)}
    told = {key: value for key, value in told.items() if key not in ("task", "license") or isinstance(value, str)}
    if "task" in told:
        told["task"] = told["task"].strip().lower()
    return told


def _zipped_texts(path: Path) -> dict[str, str]:
    """Return the table in a text that was zipped to the end of a file, under whatever name."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.endswith((".txt", ".json")) and member.file_size <= LONGEST_TEXT:
                    with archive.open(member) as file:
                        table = _plain(file.read(LONGEST_TEXT).decode(errors="replace"), f"{path}: {member.filename}")
                    if isinstance(table, dict):
                        return {str(key): text if isinstance(text, str) else repr(text) for key, text in table.items()}
    except CheckpointError:
        raise
    except DAMAGES as error:
        raise CheckpointError(f"{path} is cut off or damaged: export it again") from error
    return {}


def _plain(text: str, where: str) -> Any:
    """Return the value that a text stands for as JSON or Python; the text itself where it is neither."""
    if len(text) > LONGEST_TEXT:
        raise CheckpointError(f"{where} is a text of {len(text):,} characters, which no exporter writes")
    depth = deepest = 0
    for character in text:
        depth += (character in "[{(") - (character in ")}]")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise CheckpointError(f"{where} is nested {deepest} levels deep, which no exporter writes")
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # it is text in another form
            return read(text.strip())
    return text


def _from_user(note: Path) -> dict[str, Any]:
    """Return what the user wrote beside a file."""
    if not note.exists():
        return {}
    told = read_yaml(note, CheckpointError)
    if not isinstance(told, dict):
        raise CheckpointError(f"{note} is no table of facts, such as {EXAMPLE}")
    unknown = [str(key) for key in told if key not in USER_KEYS]
    if unknown:
        raise CheckpointError(f"{note}: {', '.join(unknown)} is none of {', '.join(USER_KEYS)}")
    for key, allowed in (("unit", get_args(Unit)), ("layout", ("dense", "rows"))):
        if told.get(key) is not None and told[key] not in allowed:
            raise CheckpointError(f"{note}: {key}: {told[key]} is none of {', '.join(allowed)}")
    return {key: value for key, value in told.items() if value is not None}


def _gaps(told: Mapping[str, Any]) -> list[str]:
    """Return what must be known of any file and is not."""
    task = told.get("task")
    gaps = [key for key in ("task", "names") if not told.get(key)]
    if not told.get("kpt_shape") and (task is None or task in TASKS_WITH_KEYPOINTS):
        gaps.append("kpt_shape" if task else "kpt_shape (for poses)")
    return gaps


def _refuse_gaps(path: Path, note: Path, told: Mapping[str, Any], gaps: Sequence[str]) -> None:
    if gaps:
        listed = " and ".join(filter(None, (", ".join(gaps[:-1]), gaps[-1])))
        raise CheckpointError(
            f"{path} does not say its {listed}: export it with posekit, or write {note} with what is missing, "
            f"such as {EXAMPLE}"
        )
    if not isinstance(told["task"], str) or told["task"] not in TASKS:
        raise CheckpointError(f"{path} says task={told['task']!r}, which is none of {', '.join(TASKS)}")


def _names(value: Any, path: Path) -> dict[int, str]:
    """Return class names by index, of a list or a table."""
    table = dict(enumerate(value)) if isinstance(value, list | tuple) else value
    try:
        names = {int(index): str(name) for index, name in table.items()}
    except (AttributeError, TypeError, ValueError):
        names = {}
    if not names or sorted(names) != list(range(len(names))):
        raise CheckpointError(f"{path}: names must be a list, or a table of numbers from 0, such as {{0: person}}")
    return dict(sorted(names.items()))


def _schema(told: Mapping[str, Any], path: Path) -> KeypointSchema:
    data = {key: told[key] for key in (*POINT_KEYS, "names") if told.get(key)}
    data = {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}
    if isinstance(data.get("kpt_names"), dict):  # JSON has no numbers as keys
        numbered = {int(key) if str(key).isdecimal() else key: names for key, names in data["kpt_names"].items()}
        data["kpt_names"] = numbered
    try:
        schema = schema_from_yaml(data, str(path))
        if schema is not None and len(data) == 2:  # bare numbers of points: what is known for so many
            schema = KeypointSchema.for_shape(schema.shape)
    except PosekitError as error:
        raise CheckpointError(f"{path}: the keypoints of the file make no sense: {error}") from error
    return cast(KeypointSchema, schema)


def _size(value: Any, path: Path) -> Size:
    sides = [value, value] if isinstance(value, int) else value
    if not isinstance(sides, list | tuple) or len(sides) != 2 or not all(isinstance(s, int) and s > 0 for s in sides):
        raise CheckpointError(f"{path}: imgsz={value!r} is no input size: one number, or [height, width]")
    return sides[0], sides[1]


def _precision(told: Mapping[str, Any]) -> int:
    args = told["args"] if isinstance(told.get("args"), dict) else {}
    return 8 if args.get("int8") is True else 16 if args.get("half") is True else 32


def _with_input(
    facts: Facts, inputs: Sequence[Port], imgsz: Size | None, told: Mapping[str, Any], path: Path, note: Path
) -> Facts:
    """Fill in size, batch and whether both are free; what is free in part is used at one size and single pictures."""
    shapes = [list(port.shape) for port in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or 3 not in (shapes[0][1], shapes[0][3]):
        raise CheckpointError(f"{path} has inputs of the shapes {shapes}: posekit gives it pictures [B, 3, H, W] alone")
    batch, first, second = shapes[0][0], *(shapes[0][2:] if shapes[0][1] == 3 else shapes[0][1:3])
    fixed = first is not None and second is not None
    size = (first, second) if fixed else imgsz
    if size is None:
        _refuse_gaps(path, note, told, ["imgsz"])
    if fixed and imgsz is not None and imgsz != size:
        raise CheckpointError(f"{path} says imgsz={list(imgsz)}, but has inputs of {[first, second]}")
    dynamic = batch is None and first is None and second is None
    return replace(facts, imgsz=cast(Size, size), batch=batch or 1, dynamic=dynamic)


def _with_layout(facts: Facts, ports: Ports, told: Mapping[str, Any], path: Path, form: str) -> Facts:
    """Recognise the outputs: decoded predictions of all anchor points, or rows that are left of them."""
    flat = [port for port in ports.outputs if len(port.shape) == 3]
    maps = [port for port in ports.outputs if len(port.shape) == 4]
    shapes = {port.name: list(port.shape) for port in ports.outputs}
    outlines = facts.task in TASKS_WITH_OUTLINES
    values = 0 if facts.schema is None else facts.schema.shape[0] * facts.schema.shape[1]
    dense, rows = 4 + len(facts.names) + values, 6 + values
    extra = " + masks" if outlines else ""
    wanted = (
        f"{path} has outputs of the shapes {shapes}; task={facts.task} with {len(facts.names)} classes and {values} "
        f"values of keypoints has [B, {dense}{extra}, anchors] or [B, rows, {rows}{extra}]"
        f"{' and prototypes' if outlines else ''}"
    )
    if len(flat) != 1 or len(maps) != outlines or len(ports.outputs) != 1 + outlines:
        raise CheckpointError(f"{wanted}: export it again with decoded outputs")
    if form in BY_POSITION and ports.outputs[0] is not flat[0]:
        raise CheckpointError(
            f"{path} gives prototypes before predictions, which posekit reads of ONNX and LiteRT only"
        )
    channels, last = flat[0].shape[1:]
    places = [maps[0].shape[axis] for axis in (1, 3)] if outlines else [0]
    fits = {
        "dense": channels is not None and channels - dense in places,
        "rows": last is not None and last - rows in places,
    }
    layout = told.get("layout") or next((name for name, fit in fits.items() if fit and not fits["dense"]), "dense")
    if not fits.get(layout, False):
        raise CheckpointError(f"{wanted}: names or kpt_shape are another network's, or posekit reads no such layout")
    masks = cast(int, channels) - dense if layout == "dense" else cast(int, last) - rows
    return replace(
        facts,
        layout=cast(Any, layout),
        selection="suppress" if layout == "dense" else "none",
        outputs=tuple(port.name for port in (*flat, *maps)),
        masks=masks,
        max_det=channels if layout == "rows" else None,
    )


def _with_stride(facts: Facts, ports: Ports, told: Mapping[str, Any], path: Path, note: Path) -> Facts:
    """Fill in the stride: said, or told by the number of anchor points, or that of the fixed size."""
    stride = told.get("stride")
    if isinstance(stride, list | tuple) and stride and all(isinstance(one, int | float) for one in stride):
        stride = max(stride)
    if isinstance(stride, float) and stride.is_integer():
        stride = int(stride)
    if stride is None and facts.dynamic:
        _refuse_gaps(path, note, told, ["stride"])
    if stride is None:
        stride = next(side for side in (32, 16, 8, 4, 2, 1) if all(length % side == 0 for length in facts.imgsz))
    if not isinstance(stride, int) or stride < 1:
        raise CheckpointError(f"{path}: stride={stride!r} is no number of pixels, such as 32")
    anchors = ports.outputs[0].shape[-1] if facts.layout == "dense" else None
    return _with_checked_anchors(replace(facts, stride=stride), anchors, path)


def _with_checked_anchors(facts: Facts, anchors: int | None, path: Path) -> Facts:
    """Refuse raw outputs that have the channels by chance: decoded ones have an anchor point per cell of each map."""
    height, width = facts.imgsz
    cells = [(height // stride) * (width // stride) for stride in STRIDES]
    known = {sum(cells[first:last]) for first in range(4) for last in range(first + 1, 5)}
    if anchors is not None and not facts.dynamic and anchors not in known:
        raise CheckpointError(
            f"{path} has {anchors} predictions for inputs of {list(facts.imgsz)}, where maps of strides "
            f"{STRIDES} give {sum(cells[:3])}: this is no layout that posekit reads"
        )
    return facts


def _measured_unit(facts: Facts, path: Path, form: str, note: Path, told: Mapping[str, Any]) -> Unit:
    """Return whether coordinates are pixels or fractions: boxes of a grey picture are all over it."""
    import torch

    from posekit.models.exported.sessions import SESSIONS

    session = SESSIONS[form](path, facts, torch.device("cpu"))
    values = session.run(np.full((facts.batch, 3, *facts.imgsz), 0.5, np.float32))[0][0]
    places = values[:2].T if facts.layout == "dense" else values[values[:, 4] > 0, :2]
    if len(places) < FEWEST_ROWS:
        _refuse_gaps(path, note, told, ["unit (pixels or fractions)"])
    return "pixels" if float(places.max()) > LARGEST_FRACTION else "fractions"
