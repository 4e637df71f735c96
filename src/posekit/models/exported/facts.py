"""What a format can hold (`Dialect`), and what a file says of itself (`Facts`), in the one form of every format."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, Literal, TypeAlias, get_args

from posekit.config.commands import TASKS
from posekit.config.kinds import LARGEST_SIDE
from posekit.errors import CheckpointError, SchemaError
from posekit.schema.schema import KeypointSchema

Size: TypeAlias = tuple[int, int]
Layout = Literal["dense", "split", "rows", "queries"]
Selection = Literal["suppress", "rank", "none"]
Unit = Literal["pixels", "fractions"]
PlacingName = Literal["letterbox", "stretch"]

# The key that holds everything, as JSON; what stands beside it is for other programs.
RECORD: Final = "posekit"
# More than any network has; what a damaged file says may be anything, and memory is made for it.
LARGEST_BATCH: Final = 4096
MOST_CLASSES: Final = 100_000
MOST_POINTS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What the graph of a format can hold, beyond convolutions, matrix products and arithmetic.

    Attributes:
        sampling: bilinear sampling of maps (`grid_sample`); else it is written as a matrix product.
        ranking: top-k and choosing rows by index; else ranks are matrix products, or left to whoever runs the file.
        split: outputs of one range each (boxes, scores, points, confidences) as fractions, for 8-bit outputs.
        five_axes: tensors of more than four axes, and batches of more than one picture.
    """

    sampling: bool = True
    ranking: bool = True
    split: bool = False
    five_axes: bool = True


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a file has to say, so that its outputs can be understood; see `docs/export.md` for the layouts.

    Attributes:
        task: detect, segment, pose or multitask.
        names: class names by index; of RF-DETR, class rows without a name are never reported.
        schema: the keypoints; None without.
        placing: how pictures come into the input.
        stride: both sides of an input are multiples of it.
        imgsz: (H, W) of the input in pixels; of dynamic files, the one they were made with.
        batch: pictures per run; of dynamic files, the number they were made with.
        dynamic: whether other batches can be run, and other sizes where pictures are letterboxed.
        precision: bits of weights and arithmetic, 32, 16 or 8; inputs and outputs are float32, but for the Edge TPU.
        layout: what the outputs are.
        selection: what is still to be done with all predictions: suppressing, ranking, or nothing.
        unit: of all coordinates: pixels of the input, or fractions of it.
        outputs: names of the outputs, in order.
        masks: mask coefficients per prediction; 0 without.
        conf, iou, max_det: with which rows were chosen; None where nothing is chosen in the file.
        slots: keypoints per class row of the keypoint preview; None elsewhere.
        license: of the weights; None when unknown.
        model: name of the weights.
        made_with: what runs the file and nothing else does: program, version and GPU; "" where it is bound to none.
        version: of the posekit that wrote the file; "" for files of other programs.
    """

    task: str
    names: dict[int, str]
    schema: KeypointSchema | None
    placing: PlacingName
    stride: int
    imgsz: Size
    batch: int = 1
    dynamic: bool = False
    precision: int = 32
    layout: Layout
    selection: Selection
    unit: Unit
    outputs: tuple[str, ...]
    masks: int = 0
    conf: float | None = None
    iou: float | None = None
    max_det: int | None = None
    slots: tuple[int, ...] | None = None
    license: str | None = None
    model: str = ""
    made_with: str = ""
    version: str = ""

    @property
    def any_size(self) -> bool:
        """Whether inputs of other sizes can be run."""
        return self.dynamic and self.placing == "letterbox"

    @property
    def is_bounded(self) -> bool:
        """Whether dynamic inputs end at `batch` pictures of `imgsz`, as they do in files that are made for a GPU."""
        return bool(self.made_with)

    def to_texts(self) -> dict[str, str]:
        """Return the facts as texts by key, for formats that hold texts.

        ``posekit`` is all of them as JSON, which `of_texts` reads. The others are for programs without posekit: plain
        words and numbers, lists and the names (``{0: 'person'}``) as Python, JSON or YAML readers take them.
        """
        plain = self.to_plain()
        shown = {key: value for key, value in plain.items() if value is not None and key != "schema"}
        shown |= {key: value for key, value in (plain["schema"] or {}).items() if value is not None}
        texts = {
            key: _encodable(value) if isinstance(value, str) else json.dumps(value) for key, value in shown.items()
        }
        texts["names"] = repr(self.names)
        texts["description"] = self.in_words()
        return texts | {RECORD: json.dumps(plain)}

    def in_words(self) -> str:
        """Return what goes in and what comes out, in words."""
        size = "any size" if self.any_size else f"{self.imgsz[0]} x {self.imgsz[1]}"
        placed = "letterboxed, grey 114 on both sides" if self.placing == "letterbox" else "stretched"
        unit = "pixels of the input" if self.unit == "pixels" else "fractions of the input"
        points = ""
        if self.schema is not None:
            count, dims = self.schema.shape
            points = f"{count} keypoints of {dims} values (x, y{', confidence' if dims == 3 else ''})"
        if self.slots is not None:
            places = len(self.slots) * max(self.slots)
            points = (
                f"{places} places of 8 values (x, y, logits of findable and visible, three of the spread, one unused)"
            )
        masks = f"{self.masks} mask coefficients" if self.masks else ""
        parts = "".join(f", {part}" for part in (points, masks) if part)
        logits = "" if self.slots else ", the last value a logit"
        meaning = {
            "dense": f"each column is centre x, centre y, width, height, {len(self.names)} class scores{parts}",
            "split": "each column is one prediction; boxes are centre x, centre y, width, height",
            "rows": f"each row is x1, y1, x2, y2, score, class{parts}; rows of zeros hold nothing",
            "queries": "dets are centre x, centre y, width, height; labels are logits of classes"
            + (f"; keypoints are {points}{logits}" if points else ""),
        }[self.layout]
        return (
            f"Input: float32, RGB / 255, (batch, 3, height, width), pictures {placed} to {size}. "
            f"Outputs {', '.join(self.outputs)}: {meaning}; coordinates in {unit}."
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the facts as plain values: texts, numbers, lists, dictionaries."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}
        plain["names"] = {str(index): name for index, name in self.names.items()}
        plain["schema"] = self.schema.to_dict() if self.schema else None
        return plain


def _encodable(text: str) -> str:
    """Return a text as UTF-8 can hold it: names of files can have bytes that are none."""
    return text.encode("utf-8", "backslashreplace").decode()


def of_texts(texts: Mapping[str, str], path: str) -> Facts | None:
    """Return the facts that `Facts.to_texts` made; None where they are not there.

    Raises:
        CheckpointError: the facts are damaged.
    """
    if RECORD not in texts:
        return None
    try:
        plain = json.loads(texts[RECORD])
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: what the file says of itself is damaged ({error}): export it again") from error
    return of_plain(plain, path)


def of_plain(plain: Any, path: str) -> Facts:
    """Return the facts that `Facts.to_plain` made.

    Raises:
        CheckpointError: something is missing, or makes no sense; it is named.
    """
    if not isinstance(plain, dict):
        raise CheckpointError(f"{path}: what the file says of itself is no table of facts: export it again")
    values = {field.name: plain[field.name] for field in fields(Facts) if field.name in plain}
    missing = [field.name for field in fields(Facts) if field.name not in values and field.default is MISSING]
    if missing:
        raise CheckpointError(f"{path}: the file does not say {', '.join(missing)}, which running it takes")
    try:
        schema = values["schema"]
        made = Facts(
            **values
            | {
                "names": {int(index): str(name) for index, name in values["names"].items()},
                "schema": None if schema is None else KeypointSchema.from_dict(schema),
                "imgsz": (int(values["imgsz"][0]), int(values["imgsz"][1])),
                "outputs": tuple(map(str, values["outputs"])),
                "slots": None if values.get("slots") is None else tuple(map(int, values["slots"])),
            }
        )
    except (SchemaError, LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CheckpointError(f"{path}: what the file says of itself makes no sense ({error})") from error
    return checked(made, path)


def checked(facts: Facts, path: str) -> Facts:
    """Return facts that make sense.

    Raises:
        CheckpointError: one does not; it is named.
    """
    choices: dict[str, tuple[Any, ...]] = {
        "task": tuple(TASKS),
        "placing": get_args(PlacingName),
        "layout": get_args(Layout),
        "selection": get_args(Selection),
        "unit": get_args(Unit),
        "precision": (32, 16, 8),
    }
    for key, allowed in choices.items():
        if getattr(facts, key) not in allowed:
            raise CheckpointError(f"{path}: the file says {key}={getattr(facts, key)!r}, which is none of {allowed}")
    for key, is_right in _KINDS.items():
        if not is_right(value := getattr(facts, key)):
            raise CheckpointError(f"{path}: the file says {key}={value!r}, which makes no sense")
    wanted = _outputs_of(facts)
    if not wanted <= set(facts.outputs):
        raise CheckpointError(f"{path}: the file names the outputs {list(facts.outputs)}, not {sorted(wanted)}")
    return facts


def _outputs_of(facts: Facts) -> set[str]:
    """Return the outputs that are found by name."""
    if facts.layout == "queries":
        return {"dets", "labels"} | ({"keypoints"} if facts.schema is not None else set())
    if facts.layout == "split":
        return {"boxes", "scores"} | ({"points"} if facts.schema is not None else set())
    return set()


def _is_whole(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _is_share(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1)


_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "names": lambda value: all(0 <= index < MOST_CLASSES for index in value),
    "stride": lambda value: _is_whole(value, 1),
    "imgsz": lambda value: all(1 <= side <= LARGEST_SIDE for side in value),
    "batch": lambda value: _is_whole(value, 1) and value <= LARGEST_BATCH,
    "dynamic": lambda value: isinstance(value, bool),
    "outputs": lambda value: len(value) > 0,
    "masks": lambda value: _is_whole(value, 0) and value <= MOST_CLASSES,
    "conf": _is_share,
    "iou": _is_share,
    "max_det": lambda value: value is None or (_is_whole(value, 1) and value <= MOST_CLASSES),
    "slots": lambda value: value is None or (all(count >= 0 for count in value) and 0 < sum(value) <= MOST_POINTS),
    "license": lambda value: value is None or isinstance(value, str),
    "model": lambda value: isinstance(value, str),
    "made_with": lambda value: isinstance(value, str),
    "version": lambda value: isinstance(value, str),
}
