"""The keypoint schema: what the K points of an object are called and how they relate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posekit.errors import SchemaError


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
    """

    shape: tuple[int, int]
    names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    flip_idx: tuple[int, ...] | None = None
    flip_idx_ud: tuple[int, ...] | None = None
    oks_sigmas: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        count, dims = self.shape
        if count < 1 or dims not in (2, 3):
            raise SchemaError(f"kpt_shape {list(self.shape)} is not [K, 2] or [K, 3] with K of at least 1")
        if not self.names:
            object.__setattr__(self, "names", tuple(str(i) for i in range(count)))
        _check_length("names", self.names, count)
        for limb in self.skeleton:
            if len(limb) != 2 or not all(0 <= end < count for end in limb):
                raise SchemaError(f"skeleton limb {list(limb)} is not a pair of point indices from 0 to {count - 1}")
        for key, flip in (("flip_idx", self.flip_idx), ("flip_idx_ud", self.flip_idx_ud)):
            if flip is not None:
                _check_length(key, flip, count)
                if any(not 0 <= j < count or flip[j] != i for i, j in enumerate(flip)):
                    raise SchemaError(
                        f"{key} {list(flip)} is no mirror map: applying it twice must give 0..{count - 1} again"
                    )
        if self.oks_sigmas is not None:
            _check_length("oks_sigmas", self.oks_sigmas, count)
            if any(not sigma > 0 for sigma in self.oks_sigmas):
                raise SchemaError(f"oks_sigmas {list(self.oks_sigmas)} must all be above 0")

    @property
    def count(self) -> int:
        """K, the number of points."""
        return self.shape[0]

    @property
    def has_visibility(self) -> bool:
        """Whether each point carries a third value."""
        return self.shape[1] == 3

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, as stored in checkpoints and exported files."""
        return {
            "kpt_shape": list(self.shape),
            "kpt_names": list(self.names),
            "skeleton": [list(limb) for limb in self.skeleton],
            "flip_idx": None if self.flip_idx is None else list(self.flip_idx),
            "flip_idx_ud": None if self.flip_idx_ud is None else list(self.flip_idx_ud),
            "kpt_oks_sigmas": None if self.oks_sigmas is None else list(self.oks_sigmas),
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
        )

    @classmethod
    def for_shape(cls, shape: tuple[int, int]) -> "KeypointSchema":
        """Return the schema known for a bare (K, D): COCO's person for K = 17, unnamed points otherwise."""
        if shape[0] != COCO_PERSON.count:
            return cls(shape=shape)
        return COCO_PERSON if shape[1] == 3 else cls.from_dict(COCO_PERSON.to_dict() | {"kpt_shape": shape})


def _check_length(key: str, values: Sequence[object], count: int) -> None:
    if len(values) != count:
        raise SchemaError(f"{key} has {len(values)} entries, but kpt_shape says {count} points")


# Public facts of the COCO person category: names, limbs (0-based), mirror pairs, published sigmas.
COCO_PERSON = KeypointSchema(
    shape=(17, 3),
    names=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
        "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
        "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    skeleton=(
        (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
        (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
    ),
    flip_idx=(0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    flip_idx_ud=(0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    oks_sigmas=(
        0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
        0.087, 0.087, 0.089, 0.089,
    ),
)  # fmt: skip
