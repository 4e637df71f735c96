"""The keypoint schema: what the K points of an object are called and how they relate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from posekit.errors import SchemaError
from posekit.schema.known_sets import COCO, recognise

# Most points that one object may have: more is a slip of the pen or an attack.
MAX_KEYPOINTS = 10_000

LARGEST_GUESS = 0.05  # 1/K alone is so wide for few points that the score says little


@dataclass(frozen=True, kw_only=True)
class KeypointSchema:
    """Names, limbs, mirror maps and OKS sigmas of the keypoints of one data set.

    Attributes:
        shape: (K, D): number of points, and 2 (x, y) or 3 (x, y, visibility) values per point.
        names: K point names; "0", "1", ... when the data set gives none.
        skeleton: limbs as 0-based pairs of point indices; empty when unknown.
        flip_idx: for each point the index it takes under a left-right mirror; None when unknown.
        flip_idx_ud: the same for an up-down mirror; None when unknown.
        oks_sigmas: K per-point standard deviations of OKS; None when unknown.
        classes: numbers of the classes whose objects have keypoints; None for all classes.
        class_points: for each of `classes`, how many of the K points it has: the first ones, the others are
            padding. None where all have K.

    Raises:
        SchemaError: if the parts contradict each other; the message names the key of the dataset YAML.
    """

    shape: tuple[int, int]
    names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    flip_idx: tuple[int, ...] | None = None
    flip_idx_ud: tuple[int, ...] | None = None
    oks_sigmas: tuple[float, ...] | None = None
    classes: tuple[int, ...] | None = None
    class_points: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        count = _checked_count(self.shape)
        if not self.names:
            object.__setattr__(self, "names", _numbers(count))
        _check_length("kpt_names", self.names, count)
        _check_skeleton(self.skeleton, count)
        for key, flip in (("flip_idx", self.flip_idx), ("flip_idx_ud", self.flip_idx_ud)):
            if flip is not None:
                _check_flip(key, flip, count)
        if self.oks_sigmas is not None:
            check_sigmas(self.oks_sigmas, count)
        if self.classes is not None:
            _check_classes(self.classes)
        if self.class_points is not None:
            _check_class_points(self.class_points, self.classes, count)

    @property
    def count(self) -> int:
        """K, the number of points."""
        return self.shape[0]

    @property
    def has_visibility(self) -> bool:
        """Whether each point carries a third value."""
        return self.shape[1] == 3

    @property
    def is_named(self) -> bool:
        """Whether the points have names, not just their numbers."""
        return self.names != _numbers(self.count)

    def points_of(self, label: int) -> int:
        """Return how many of the K points objects of a class have, the first ones; 0 for classes without keypoints."""
        if self.classes is None:
            return self.count
        if label not in self.classes:
            return 0
        return self.count if self.class_points is None else self.class_points[self.classes.index(label)]

    def for_classes(self, points: Mapping[int, int]) -> "KeypointSchema":
        """Return the schema for other classes: how many of the K points each has, by number; all K for none at all."""
        if not points:
            return self.for_one_class()
        padded = any(count < self.count for count in points.values())
        return replace(self, classes=tuple(points), class_points=tuple(points.values()) if padded else None)

    def for_one_class(self) -> "KeypointSchema":
        """Return the schema for objects that are all of one class now, whatever they were."""
        return replace(self, classes=None, class_points=None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, as stored in checkpoints and exported files."""
        return {
            "kpt_shape": list(self.shape),
            "kpt_names": list(self.names),
            "skeleton": [list(limb) for limb in self.skeleton],
            "flip_idx": None if self.flip_idx is None else list(self.flip_idx),
            "flip_idx_ud": None if self.flip_idx_ud is None else list(self.flip_idx_ud),
            "kpt_oks_sigmas": None if self.oks_sigmas is None else list(self.oks_sigmas),
            "kpt_classes": None if self.classes is None else list(self.classes),
            "kpt_class_points": None if self.class_points is None else list(self.class_points),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "KeypointSchema":
        """Build from the form that `to_dict` writes; unknown keys are ignored."""

        def optional(key: str) -> tuple[Any, ...] | None:
            return None if data.get(key) is None else tuple(data[key])

        count, dims = data["kpt_shape"]
        return cls(
            shape=(int(count), int(dims)),
            names=tuple(str(name) for name in data.get("kpt_names") or ()),
            skeleton=tuple((int(a), int(b)) for a, b in data.get("skeleton") or ()),
            flip_idx=optional("flip_idx"),
            flip_idx_ud=optional("flip_idx_ud"),
            oks_sigmas=optional("kpt_oks_sigmas"),
            classes=optional("kpt_classes"),
            class_points=optional("kpt_class_points"),
        )

    @classmethod
    def for_shape(cls, shape: tuple[int, int]) -> "KeypointSchema":
        """Return the schema known for a bare (K, D): COCO's person for K = 17, unnamed points otherwise."""
        if shape[0] != COCO_PERSON.count:
            return cls(shape=shape)
        return COCO_PERSON if shape[1] == 3 else cls.from_dict(COCO_PERSON.to_dict() | {"kpt_shape": shape})


def check_sigmas(sigmas: Sequence[float], count: int) -> None:
    """Refuse OKS sigmas that are not K positive, finite numbers."""
    _check_length("kpt_oks_sigmas", sigmas, count)
    if not all(isfinite(sigma) and sigma > 0 for sigma in sigmas):
        raise SchemaError(f"kpt_oks_sigmas {list(sigmas)} must be {count} finite numbers above 0, one per point")


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(i) for i in range(count))


def _checked_count(shape: tuple[int, int]) -> int:
    count, dims = shape
    if count < 1 or dims not in (2, 3):
        raise SchemaError(f"kpt_shape {list(shape)} is not [K, 2] or [K, 3] with K of at least 1")
    if count > MAX_KEYPOINTS:
        raise SchemaError(f"kpt_shape {list(shape)} declares more than {MAX_KEYPOINTS} points")
    return count


def _check_length(key: str, values: Sequence[object], count: int) -> None:
    if len(values) != count:
        raise SchemaError(f"{key} has {len(values)} entries, but kpt_shape says K = {count} points")


def _check_skeleton(skeleton: Sequence[Sequence[int]], count: int) -> None:
    for limb in skeleton:
        if len(limb) != 2 or not all(0 <= end < count for end in limb):
            raise SchemaError(
                f"skeleton limb {list(limb)} is not a pair of point indices from 0 to {count - 1} (K = {count}); "
                "only COCO files count from 1"
            )


def _check_flip(key: str, flip: Sequence[int], count: int) -> None:
    _check_length(key, flip, count)
    for i, j in enumerate(flip):
        if not 0 <= j < count:
            raise SchemaError(f"{key}[{i}] is {j}, but points are counted from 0 to {count - 1} (K = {count})")
        if flip[j] != i:
            raise SchemaError(
                f"{key} is no mirror map of K = {count} points: it takes {i} to {j}, but {j} to {flip[j]}, not back"
            )


def _check_classes(classes: Sequence[int]) -> None:
    numbers = all(isinstance(label, int) and not isinstance(label, bool) and label >= 0 for label in classes)
    if not classes or not numbers or len(set(classes)) != len(classes):
        raise SchemaError(f"kpt_classes {list(classes)} must be different class numbers from 0, at least one")


def _check_class_points(points: Sequence[int], classes: Sequence[int] | None, count: int) -> None:
    if classes is None or len(points) != len(classes):
        raise SchemaError(f"kpt_class_points {list(points)} must be one number for each of kpt_classes {classes}")
    if not all(isinstance(number, int) and 1 <= number <= count for number in points):
        raise SchemaError(f"kpt_class_points {list(points)} must be numbers of points from 1 to K = {count}")


# The person of COCO.
COCO_PERSON = KeypointSchema(
    shape=(len(COCO.names), 3),
    names=tuple(name for name, *_ in COCO.names),
    skeleton=COCO.skeleton,
    flip_idx=COCO.flip_idx,
    flip_idx_ud=COCO.flip_idx,
    oks_sigmas=COCO.oks_sigmas,
)


@dataclass(frozen=True, kw_only=True)
class SigmaChoice:
    """The OKS sigmas in use, one list for loss and metrics alike.

    Attributes:
        values: K per-point standard deviations of OKS.
        origin: where they come from: "kpt_oks_sigmas", the title of a published set, or "uniform".
        guessed: whether nothing is known about these points.
    """

    values: tuple[float, ...]
    origin: str
    guessed: bool = False

    @property
    def explanation(self) -> str:
        """One line for the user; a warning where the sigmas are guessed."""
        count = len(self.values)
        if self.guessed:
            return (
                f"no OKS sigmas are known for these {count} points: all are taken as {self.values[0]:.4g}, and pose "
                f"scores depend on that. Set kpt_oks_sigmas in the dataset YAML: {count} numbers, about 0.025 for "
                "points that are placed exactly (eyes) to 0.1 for vague ones (hips)"
            )
        if self.origin == "kpt_oks_sigmas":
            return f"OKS sigmas of {count} points as given by kpt_oks_sigmas"
        return f"published OKS sigmas of {count} points ({self.origin})"


def resolve_sigmas(schema: KeypointSchema, given: Sequence[float] | None = None) -> SigmaChoice:
    """Choose the OKS sigmas of a schema.

    The first of these that there is: the given ones; those of the schema; those of the published set with the same
    point names; those of COCO for 17 points of 3 values without names; min(1/K, 0.05) for all points, a guess.

    Args:
        schema: of K points.
        given: K sigmas that go before all others.

    Raises:
        SchemaError: if the given ones are not K finite numbers above 0.
    """
    published = recognise(schema.names)
    if given is not None:
        check_sigmas(given, schema.count)
    explicit = schema.oks_sigmas if given is None else tuple(float(sigma) for sigma in given)
    if explicit is not None:
        known = published is not None and explicit == published.oks_sigmas
        return SigmaChoice(values=explicit, origin=published.title if published and known else "kpt_oks_sigmas")
    if published is not None:
        return SigmaChoice(values=published.oks_sigmas, origin=published.title)
    if schema.shape == COCO_PERSON.shape and not schema.is_named:
        return SigmaChoice(values=COCO.oks_sigmas, origin=COCO.title)
    guess = min(1 / schema.count, LARGEST_GUESS)
    return SigmaChoice(values=(guess,) * schema.count, origin="uniform", guessed=True)
