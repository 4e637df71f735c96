"""A model definition, parsed and checked: layers with named arguments, head, scale."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final

from posekit.config.commands import TASKS_WITH_KEYPOINTS
from posekit.errors import ModelDefinitionError
from posekit.log import LOGGER

MAX_CHANNELS: Final = 65536
MAX_LAYERS: Final = 500
MAX_REPEATS: Final = 100  # of a block's inner part, after scaling
FORCED_C3K_SCALES: Final = "mlx"  # larger scales use C3k links in every C3k2, whatever the row says
HEAD_TASKS: Final = {
    "Detect": "detect",
    "Pose": "pose",
    "Pose26": "pose",
    "Segment": "segment",
    "Segment26": "segment",
    "MultiTask": "multitask",
    "MultiTask26": "multitask",
}


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a block.

    Attributes:
        name: the option that it becomes.
        expected: its values in words.
        accepts: whether a value is one of them.
        required: whether it must be given.
    """

    name: str
    expected: str
    accepts: Callable[[Any], bool]
    required: bool = False


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any, low: float, high: float) -> bool:
    """Whether a value is a finite number above `low` and at most `high`."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and low < value <= high


def _whole(name: str, low: int, high: int, *, required: bool = False) -> Argument:
    expected = f"a whole number from {low} to {high}"
    return Argument(name=name, expected=expected, accepts=lambda value: _is_whole(value, low, high), required=required)


def _bounded(name: str, high: float, *, required: bool = False) -> Argument:
    expected = f"a number above 0, at most {high:g}"
    return Argument(name=name, expected=expected, accepts=lambda value: _is_number(value, 0, high), required=required)


def _flag(name: str) -> Argument:
    return Argument(name=name, expected="true or false", accepts=lambda value: isinstance(value, bool))


def _free(name: str) -> Argument:
    """Return an argument that stands in definitions, but says nothing: `nc` of a head is a key of the definition."""
    return Argument(name=name, expected="anything", accepts=lambda _: True)


_CHANNELS: Final = _whole("channels", 1, MAX_CHANNELS, required=True)
_MODE: Final = Argument(
    name="mode", expected="nearest or bilinear", accepts=lambda value: value in ("nearest", "bilinear"), required=True
)
_MASK_HEAD: Final = (_free("nc"), _whole("masks", 1, 4096), _whole("proto_hidden", 1, MAX_CHANNELS))

# Names of a block's arguments by position, in definitions as they are written and stored.
ARGUMENTS: Final[dict[str, tuple[Argument, ...]]] = {
    "Conv": (_CHANNELS, _whole("kernel", 1, 31), _whole("stride", 1, 8)),
    "C2f": (_CHANNELS, _flag("shortcut")),
    "C2": (_CHANNELS, _flag("shortcut")),
    "C3k2": (_CHANNELS, _flag("c3k"), _bounded("expansion", 4), _flag("attention")),
    "SPPF": (_CHANNELS, _whole("kernel", 1, 31), _whole("pools", 1, 16), _flag("residual")),
    "C2PSA": (_CHANNELS,),
    "Upsample": (_free("size"), _bounded("factor", 8, required=True), _MODE),
    "Concat": (_whole("dim", 1, 1),),
    "Silence": (),
    "Detect": (_free("nc"),),
    "Pose": (_free("nc"), _free("kpt_shape")),
    "Pose26": (_free("nc"), _free("kpt_shape")),
    "Segment": _MASK_HEAD,
    "Segment26": _MASK_HEAD,
    "MultiTask": (*_MASK_HEAD, _free("kpt_shape")),
    "MultiTask26": (*_MASK_HEAD, _free("kpt_shape")),
}


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """One layer: where its input comes from, how often its inner block repeats, what it is."""

    sources: tuple[int, ...]
    repeats: int
    block: str
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ModelDefinition:
    """A whole network as data.

    Attributes:
        layers: body and head, in order; the head is last.
        nc: number of classes.
        kpt_shape: (K, D), or None without keypoints.
        scale: letter of the scale; empty when the definition has none.
        depth: factor on repeats.
        width: factor on channels.
        max_channels: cap on channels, before `width`.
        end2end: whether the head has a second, one-to-one set of branches.
        reg_max: bins per box side.
        activation: name of an activation that replaces SiLU, such as ``nn.ReLU()``; None keeps it.
        source: the plain data it was parsed from, with `nc` and `kpt_shape` brought up to date.
    """

    layers: tuple[LayerSpec, ...]
    nc: int
    kpt_shape: tuple[int, int] | None
    scale: str
    depth: float
    width: float
    max_channels: int
    end2end: bool
    reg_max: int
    activation: str | None
    source: dict[str, Any]

    @property
    def head(self) -> LayerSpec:
        """The last layer."""
        return self.layers[-1]

    @property
    def task(self) -> str:
        """What the head predicts: detect, segment, pose or multitask."""
        return HEAD_TASKS[self.head.block]

    def channels(self, channels: int) -> int:
        """Return scaled output channels: capped, multiplied, rounded up to a multiple of 8."""
        scaled = min(channels, self.max_channels) * self.width
        return int(-(-scaled // 8) * 8)

    def repeats(self, repeats: int) -> int:
        """Return scaled repeats of a block's inner part."""
        return max(round(repeats * self.depth), 1) if repeats > 1 else repeats

    def with_classes(self, nc: int, kpt_shape: tuple[int, int] | None) -> "ModelDefinition":
        """Return the same network for other classes and keypoints."""
        source = self.source | {"nc": nc}
        if self.task not in TASKS_WITH_KEYPOINTS:
            return replace(self, nc=nc, kpt_shape=None, source=source)
        if kpt_shape is not None:
            source["kpt_shape"] = list(kpt_shape)
        return replace(self, nc=nc, kpt_shape=kpt_shape, source=source)


def parse_definition(data: Mapping[str, Any], *, name: str = "model definition") -> ModelDefinition:
    """Parse plain data (a YAML file, a preset, or what a checkpoint stores).

    Args:
        data: keys ``nc``, ``layers`` (or ``backbone`` and ``head``), optionally ``scales`` and
            ``scale`` (or ``depth_multiple`` and ``width_multiple``), ``kpt_shape``, ``end2end``,
            ``reg_max``, ``activation``.
        name: what to call it in errors.

    Raises:
        ModelDefinitionError: a key is missing or wrong, or a block is unknown.
    """
    layers = tuple(_parse_row(row, f"{name}, layer {index}") for index, row in enumerate(_rows(data, name)))
    head = layers[-1].block
    if head not in HEAD_TASKS:
        raise ModelDefinitionError(f"{name}: the last layer is {head}; expected one of {', '.join(HEAD_TASKS)}")
    with_keypoints = HEAD_TASKS[head] in TASKS_WITH_KEYPOINTS
    kpt_shape = data.get("kpt_shape") if with_keypoints else None
    if with_keypoints and not _is_kpt_shape(kpt_shape):
        raise ModelDefinitionError(f"{name}: a {head} head needs kpt_shape: [K, 2] or [K, 3], found {kpt_shape}")
    if head in ("Pose", "Segment", "MultiTask") and data.get("end2end"):
        raise ModelDefinitionError(f"{name}: end2end needs the head {head}26, found {head}")
    depth, width, max_channels = _scale(data, name)
    if any(layer.repeats * depth > MAX_REPEATS for layer in layers):
        raise ModelDefinitionError(f"{name}: depth {depth:g} repeats a block more than {MAX_REPEATS} times")
    return ModelDefinition(
        layers=layers,
        nc=_number(data.get("nc", 80), f"{name}: nc", 1, 100_000),
        kpt_shape=(int(kpt_shape[0]), int(kpt_shape[1])) if kpt_shape else None,
        scale=str(data.get("scale") or ""),
        depth=depth,
        width=width,
        max_channels=max_channels,
        end2end=bool(data.get("end2end")) or head.endswith("26"),
        reg_max=_number(data.get("reg_max", 1 if head.endswith("26") else 16), f"{name}: reg_max", 1, 64),
        activation=str(data["activation"]) if data.get("activation") else None,
        source=dict(data),
    )


def _parse_row(row: Any, where: str) -> LayerSpec:
    if not isinstance(row, (list, tuple)) or len(row) != 4 or not isinstance(row[3], (list, tuple)):
        raise ModelDefinitionError(f"{where}: expected [from, repeats, block, [arguments]], found {row!r}")
    sources, repeats, block, arguments = row
    block = str(block).removeprefix("nn.")
    options = _options(block, arguments, where)
    origins = sources if isinstance(sources, (list, tuple)) else [sources]
    if not origins or not all(_is_whole(origin, -MAX_LAYERS, MAX_LAYERS) for origin in origins):
        raise ModelDefinitionError(f"{where}: 'from' must be an index or a list of indices, found {sources!r}")
    if len(origins) > 1 and block not in (*HEAD_TASKS, "Concat"):
        raise ModelDefinitionError(f"{where}: {block} reads one layer, found 'from' {sources!r}")
    repeats = _number(repeats, f"{where}: repeats", 1, MAX_REPEATS)
    return LayerSpec(sources=tuple(origins), repeats=repeats, block=block, options=options)


def _options(block: str, arguments: Sequence[Any], where: str) -> dict[str, Any]:
    """Return the arguments of a layer by name."""
    known = ARGUMENTS.get(block)
    if known is None:
        raise ModelDefinitionError(f"{where}: unknown block '{block}'; known are {', '.join(ARGUMENTS)}")
    if len(arguments) > len(known):
        names = ", ".join(argument.name for argument in known) or "no arguments"
        raise ModelDefinitionError(f"{where}: {block} takes {names}, found {list(arguments)}")
    given = list(zip(known, arguments, strict=False))
    for argument, value in given:
        if not argument.accepts(value):
            raise ModelDefinitionError(f"{where}: {argument.name} must be {argument.expected}, found {value!r}")
    missing = [argument.name for argument in known[len(arguments) :] if argument.required]
    if missing:
        raise ModelDefinitionError(f"{where}: {block} needs {', '.join(missing)}, found {list(arguments)}")
    return {argument.name: value for argument, value in given}


def _rows(data: Mapping[str, Any], name: str) -> list[Any]:
    """Return the rows of all layers, from one list or from the two of older definitions."""
    parts = [data["layers"]] if data.get("layers") else [data.get(key) or [] for key in ("backbone", "head")]
    if not all(isinstance(part, (list, tuple)) for part in parts):
        raise ModelDefinitionError(f"{name}: layers (or backbone and head) must be lists of rows")
    rows = [row for part in parts for row in part]
    if not rows or len(rows) > MAX_LAYERS:
        raise ModelDefinitionError(f"{name}: expected 1 to {MAX_LAYERS} layers under 'layers', found {len(rows)}")
    return rows


def _scale(data: Mapping[str, Any], name: str) -> tuple[float, float, int]:
    """Return (depth, width, max_channels)."""
    scales = data.get("scales")
    values: Any = (data.get("depth_multiple", 1.0), data.get("width_multiple", 1.0), MAX_CHANNELS)
    if scales:
        if not isinstance(scales, Mapping):
            raise ModelDefinitionError(f"{name}: scales must map letters to [depth, width, max_channels]")
        letter = data.get("scale")
        if not letter:
            letter = next(iter(scales))
            LOGGER.warning("%s names no scale (%s): taking '%s'", name, ", ".join(map(str, scales)), letter)
        if not isinstance(letter, str) or letter not in scales:
            raise ModelDefinitionError(f"{name}: scale '{letter}' is not one of {', '.join(map(str, scales))}")
        values = scales[letter]
    match values:
        case [depth, width, limit] if all(_is_number(value, 0, MAX_CHANNELS) for value in values):
            return float(depth), float(width), int(limit)
    raise ModelDefinitionError(f"{name}: a scale is [depth, width, max_channels], numbers above 0, found {values!r}")


def _number(value: Any, what: str, low: int, high: int) -> int:
    if not _is_whole(value, low, high):
        raise ModelDefinitionError(f"{what} must be a whole number from {low} to {high}, found {value!r}")
    return int(value)


def _is_kpt_shape(value: Any) -> bool:
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    return is_pair and _is_whole(value[0], 1, 10_000) and _is_whole(value[1], 2, 3)
