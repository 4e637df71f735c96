"""What the layers of a model definition take: the arguments of each block, by position, with their limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from posekit.errors import ModelDefinitionError

MAX_CHANNELS: Final = 65536


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


def is_whole(value: Any, low: int, high: int) -> bool:
    """Whether a value is a whole number within limits, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_number(value: Any, low: float, high: float) -> bool:
    """Whether a value is a finite number above `low` and at most `high`."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and low < value <= high


def read_options(block: str, arguments: Sequence[Any], where: str) -> dict[str, Any]:
    """Return the arguments of a layer by name.

    Args:
        block: name of the block.
        arguments: its arguments by position.
        where: what to call the layer in errors.

    Raises:
        ModelDefinitionError: the block is unknown, or an argument is missing, left over or wrong.
    """
    known = ARGUMENTS.get(block)
    if known is None:
        raise ModelDefinitionError(f"{where}: unknown block '{block}'; known are {', '.join(ARGUMENTS)}")
    if len(arguments) > len(known):
        names = ", ".join(argument.name for argument in known) or "no arguments"
        raise ModelDefinitionError(f"{where}: {block} takes {names}, found {list(arguments)}")
    for argument, value in zip(known, arguments, strict=False):
        if not argument.accepts(value):
            raise ModelDefinitionError(f"{where}: {argument.name} must be {argument.expected}, found {value!r}")
    missing = [argument.name for argument in known[len(arguments) :] if argument.required]
    if missing:
        raise ModelDefinitionError(f"{where}: {block} needs {', '.join(missing)}, found {list(arguments)}")
    return {argument.name: value for argument, value in zip(known, arguments, strict=False)}


def _whole(name: str, low: int, high: int, *, required: bool = False) -> Argument:
    return Argument(
        name=name,
        expected=f"a whole number from {low} to {high}",
        accepts=lambda value: is_whole(value, low, high),
        required=required,
    )


def _number(name: str, high: float, *, required: bool = False) -> Argument:
    return Argument(
        name=name,
        expected=f"a number above 0, at most {high:g}",
        accepts=lambda value: is_number(value, 0, high),
        required=required,
    )


def _flag(name: str) -> Argument:
    return Argument(name=name, expected="true or false", accepts=lambda value: isinstance(value, bool))


def _free(name: str) -> Argument:
    """Return an argument that stands in definitions, but says nothing: `nc` of a head is a key of the definition."""
    return Argument(name=name, expected="anything", accepts=lambda _: True)


_CHANNELS = _whole("channels", 1, MAX_CHANNELS, required=True)
_MODE = Argument(
    name="mode", expected="nearest or bilinear", accepts=lambda value: value in ("nearest", "bilinear"), required=True
)
_MASK_HEAD = (_free("nc"), _whole("masks", 1, 4096), _whole("proto_hidden", 1, MAX_CHANNELS))

# Names of a block's arguments by position, in definitions as they are written and stored.
ARGUMENTS: Final[dict[str, tuple[Argument, ...]]] = {
    "Conv": (_CHANNELS, _whole("kernel", 1, 31), _whole("stride", 1, 8)),
    "C2f": (_CHANNELS, _flag("shortcut")),
    "C2": (_CHANNELS, _flag("shortcut")),
    "C3k2": (_CHANNELS, _flag("c3k"), _number("expansion", 4), _flag("attention")),
    "SPPF": (_CHANNELS, _whole("kernel", 1, 31), _whole("pools", 1, 16), _flag("residual")),
    "C2PSA": (_CHANNELS,),
    "Upsample": (_free("size"), _number("factor", 8, required=True), _MODE),
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
