"""What an RF-DETR network is built from: published sizes, a definition, or told from the tensors of a file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import isqrt
from typing import Any, Final

import torch
from torch import Tensor

from posekit.errors import CheckpointError, ModelDefinitionError
from posekit.schema.schema import COCO_PERSON

# The detection weights that a pose model starts from.
STARTING_WEIGHTS: Final = {
    "rfdetr-pose-nano": "rf-detr-nano.pth",
    "rfdetr-pose-small": "rf-detr-small.pth",
    "rfdetr-pose-medium": "rf-detr-medium.pth",
    "rfdetr-pose-large": "rf-detr-large-2026.pth",
}

DINO: Final = "backbone.0.encoder.encoder."
HEAD_WIDTH: Final = 64  # of the backbone's attention, in all DINOv2 networks
# What no network lacks: with one of them missing, a file holds something else.
REQUIRED: Final = (
    "class_embed.bias",
    "query_feat.weight",
    "transformer.enc_output.0.weight",
    "transformer.decoder.layers.0.cross_attn.attention_weights.bias",
    "transformer.decoder.layers.0.linear1.bias",
    f"{DINO}embeddings.position_embeddings",
    f"{DINO}embeddings.patch_embeddings.projection.weight",
)

FAMILY: Final = "rfdetr"


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything that a network is built from, but for its classes and keypoints.

    Attributes:
        resolution: side of the square input in pixels.
        patch_size: side of a patch in pixels; one cell of the feature map.
        windows: windows per side; attention of most blocks stays inside a window.
        position_grid: side of the learned table of patch positions.
        decoder_layers: layers of the decoder.
        taps: the feature maps are read after so many blocks.
        queries: objects that the network can find.
        detections: best (query, class) pairs that are kept.
        groups: independent sets of queries in training; one is used afterwards.
        width: channels of memory and queries.
        heads: heads of self-attention.
        cross_heads: heads of deformable attention.
        points: points that each head samples.
        feedforward: hidden width of the decoder's feed-forward networks.
        encoder_width: channels of the backbone.
        encoder_heads: heads of the backbone's attention.
        encoder_depth: blocks of the backbone.
    """

    resolution: int
    patch_size: int
    windows: int
    position_grid: int
    decoder_layers: int
    taps: tuple[int, ...] = (3, 6, 9, 12)
    queries: int = 300
    detections: int = 300
    groups: int = 13
    width: int = 256
    heads: int = 8
    cross_heads: int = 16
    points: int = 2
    feedforward: int = 2048
    encoder_width: int = 384
    encoder_heads: int = 6
    encoder_depth: int = 12

    @property
    def stride(self) -> int:
        """Both sides of an input are multiples of it: windows must hold whole patches."""
        return self.patch_size * self.windows

    @property
    def global_blocks(self) -> tuple[int, ...]:
        """Indices (from 0) of blocks whose attention reaches over all windows: the taps, read as indices."""
        return tuple(tap for tap in self.taps if tap < self.encoder_depth)


NANO: Final = Architecture(resolution=384, patch_size=16, windows=2, position_grid=24, decoder_layers=2)
SMALL: Final = Architecture(resolution=512, patch_size=16, windows=2, position_grid=32, decoder_layers=3)
MEDIUM: Final = Architecture(resolution=576, patch_size=16, windows=2, position_grid=36, decoder_layers=4)
LARGE: Final = Architecture(resolution=704, patch_size=16, windows=2, position_grid=44, decoder_layers=4)
# Its position table is that of the original DINOv2 (518 pixels), so it is resized even at its own resolution.
BASE: Final = Architecture(
    resolution=560, patch_size=14, windows=4, position_grid=37, decoder_layers=3, taps=(2, 5, 8, 11)
)
POSE_LARGE: Final = Architecture(resolution=768, patch_size=16, windows=2, position_grid=48, decoder_layers=6)
KEYPOINT_PREVIEW: Final = Architecture(
    resolution=576, patch_size=12, windows=2, position_grid=48, decoder_layers=4, queries=100, detections=100
)

# By the stem of their published files.
DETECTORS: Final = {
    "rf-detr-nano": NANO,
    "rf-detr-small": SMALL,
    "rf-detr-medium": MEDIUM,
    "rf-detr-large-2026": LARGE,
    "rf-detr-base": BASE,
}
POSE_MODELS: Final = {
    "rfdetr-pose-nano": NANO,
    "rfdetr-pose-small": SMALL,
    "rfdetr-pose-medium": MEDIUM,
    "rfdetr-pose-large": POSE_LARGE,
}


@dataclass(frozen=True)
class KeypointSlots:
    """Keypoints of each class, by class index; 0 for classes without.

    Tokens hold the keypoints of all classes, one class after the other. Outputs are padded: every class has as many
    places as the one with most keypoints.
    """

    counts: tuple[int, ...]

    @classmethod
    def from_mask(cls, mask: Tensor) -> "KeypointSlots":
        """Return the slots that a mask (slots, K) describes: True for places that are used."""
        return cls(tuple(int(count) for count in mask.sum(1)))

    @property
    def total(self) -> int:
        """Keypoints of all classes."""
        return sum(self.counts)

    @property
    def widest(self) -> int:
        """Places of each class in padded outputs."""
        return max(self.counts, default=0)

    @property
    def owners(self) -> tuple[int, ...]:
        """For each token the class that it belongs to."""
        return tuple(slot for slot, count in enumerate(self.counts) for _ in range(count))

    def mask(self) -> Tensor:
        """Return (slots, widest) bool: True for places that are used."""
        return torch.arange(self.widest) < torch.tensor(self.counts)[:, None]

    def blocked(self) -> Tensor:
        """Return (1 + total, 1 + total) bool: True between keypoints of different classes; row, column 0: the query."""
        owners = torch.tensor(self.owners)
        mask = torch.zeros(1 + self.total, 1 + self.total, dtype=torch.bool)
        mask[1:, 1:] = owners[:, None] != owners
        return mask

    def places(self) -> Tensor:
        """Return (slots * widest,) int64: the token of each place of padded outputs; `total` for unused ones."""
        table = torch.full((len(self.counts), self.widest), self.total)
        table[self.mask()] = torch.arange(self.total)
        return table.flatten()

    def membership(self, class_rows: int) -> Tensor:
        """Return (total, class_rows) float: 1 where a token belongs to a class."""
        rows = torch.arange(class_rows)
        return (torch.tensor(self.owners, dtype=torch.int64)[:, None] == rows).float()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a network is built from.

    Attributes:
        architecture: its numbers.
        class_rows: class logits.
        keypoints: of its pose head; 0 without.
        slots: keypoints per class of the keypoint preview; None for other networks.
    """

    architecture: Architecture
    class_rows: int
    keypoints: int = 0
    slots: KeypointSlots | None = None


def recognise(state: Mapping[str, Tensor], options: Mapping[str, Any], path: str) -> Layout:
    """Return the layout of the network that tensors belong to; `path` is for messages.

    Windows and taps leave no trace in the tensors; they follow from the patch size, as in all published networks.
    Of what the file says besides, the `options`, only ``resolution`` is read.

    Raises:
        CheckpointError: the tensors are those of another network, or of a kind that posekit does not have.
    """
    missing = [name for name in REQUIRED if name not in state]
    if missing:
        raise CheckpointError(f"{path}: {missing[0]} is missing, so this is no RF-DETR network")
    if any(name.startswith("segmentation_head.") for name in state):
        raise CheckpointError(f"{path}: this is an RF-DETR segmentation network; posekit has detection and pose")
    if any(name.startswith("backbone.0.projector.stages_sampling.") for name in state):
        raise CheckpointError(
            f"{path}: this is the first RF-DETR large (DINOv2-base, two feature levels), which posekit does not have; "
            "its successor is rf-detr-large-2026.pth"
        )
    rows = len(state["class_embed.bias"])
    pose = state.get("keypoint_head.coord_head.layers.2.bias")
    return Layout(
        architecture=_recognise_architecture(state, options.get("resolution")),
        class_rows=rows,
        keypoints=0 if pose is None else len(pose) // 2,
        slots=_recognise_slots(state, rows),
    )


def _recognise_architecture(state: Mapping[str, Tensor], resolution: Any) -> Architecture:
    kernel = state[f"{DINO}embeddings.patch_embeddings.projection.weight"]
    patch, width = kernel.shape[-1], kernel.shape[0]
    like_base = patch == BASE.patch_size
    grid = isqrt(state[f"{DINO}embeddings.position_embeddings"].shape[1] - 1)
    groups = _stored_layers(state, "transformer.enc_output.")
    queries = len(state["query_feat.weight"]) // groups
    decoder = "transformer.decoder.layers."
    points = Architecture.points
    windows = BASE.windows if like_base else 2
    usual = BASE.resolution if like_base and grid == BASE.position_grid else grid * patch
    is_possible = isinstance(resolution, int) and resolution > 0 and resolution % (patch * windows) == 0
    return Architecture(
        resolution=resolution if is_possible else usual,
        patch_size=patch,
        windows=windows,
        position_grid=grid,
        decoder_layers=_stored_layers(state, decoder),
        taps=BASE.taps if like_base else Architecture.taps,
        queries=queries,
        detections=queries,
        groups=groups,
        width=state["query_feat.weight"].shape[1],
        cross_heads=len(state[f"{decoder}0.cross_attn.attention_weights.bias"]) // points,
        points=points,
        feedforward=len(state[f"{decoder}0.linear1.bias"]),
        encoder_width=width,
        encoder_heads=max(width // HEAD_WIDTH, 1),
        encoder_depth=_stored_layers(state, f"{DINO}encoder.layer."),
    )


def _stored_layers(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbered modules there are below a prefix."""
    return len({name[len(prefix) :].partition(".")[0] for name in state if name.startswith(prefix)})


def _recognise_slots(state: Mapping[str, Tensor], rows: int) -> KeypointSlots | None:
    """Return the keypoints per class of a keypoint preview; None for another network."""
    if "keypoint_embed.layers.0.weight" not in state:
        return None
    mask = state.get("_kp_active_mask")
    if mask is not None and mask.ndim == 2 and mask.numel():
        return KeypointSlots.from_mask(mask)
    count = len(state["transformer.decoder.keypoint_pos_embed"])
    # Files without the mask: with two class rows the first is background.
    return KeypointSlots((0, count) if rows == 2 else (count,))


def to_definition(layout: Layout) -> dict[str, Any]:
    """Return a layout as plain data."""
    numbers = asdict(layout.architecture)
    return {
        "family": FAMILY,
        "architecture": numbers | {"taps": list(layout.architecture.taps)},
        "class_rows": layout.class_rows,
        "keypoints": layout.keypoints,
        "slots": None if layout.slots is None else list(layout.slots.counts),
    }


def from_definition(definition: Mapping[str, Any], where: str) -> Layout:
    """Return the layout that `to_definition` wrote; `where` is the file, for messages.

    Raises:
        ModelDefinitionError: a part is missing or of the wrong kind.
    """
    slots = definition.get("slots")
    if slots is not None and not _are_counts(slots):
        raise ModelDefinitionError(f"{where}: slots {slots!r} are no list of keypoints per class")
    return Layout(
        architecture=_architecture(definition.get("architecture"), where),
        class_rows=_count(definition, "class_rows", where),
        keypoints=_count(definition, "keypoints", where),
        slots=None if slots is None else KeypointSlots(tuple(slots)),
    )


def published_layout(name: str) -> Layout | None:
    """Return the layout of a published size, such as ``rfdetr-pose-nano``; None for other names."""
    if name in POSE_MODELS:
        return Layout(architecture=POSE_MODELS[name], class_rows=2, keypoints=COCO_PERSON.count)
    return Layout(architecture=DETECTORS[name], class_rows=2) if name in DETECTORS else None


def layout_of_size(definition: Mapping[str, Any], where: str) -> Layout:
    """Return the layout of a ``size`` with the numbers of `Architecture` that a definition changes (``queries: 50``).

    Raises:
        ModelDefinitionError: there is no such size, or a part is unknown or of the wrong kind.
    """
    size = definition["size"]
    layout = published_layout(size) if isinstance(size, str) else None
    if layout is None:
        known = ", ".join((*POSE_MODELS, *DETECTORS))
        raise ModelDefinitionError(f"{where}: size {size!r} is none of {known}")
    changes = {name: value for name, value in definition.items() if name not in ("family", "size")}
    whole = to_definition(layout)["architecture"]
    unknown = changes.keys() - whole.keys()
    if unknown:
        raise ModelDefinitionError(f"{where}: {min(unknown)} is no part of an architecture: {', '.join(whole)}")
    return replace(layout, architecture=_architecture(whole | changes, where))


def _architecture(stored: Any, where: str) -> Architecture:
    names = [field.name for field in fields(Architecture)]
    if not isinstance(stored, Mapping) or set(stored) != set(names):
        raise ModelDefinitionError(f"{where}: the architecture of an RF-DETR network needs {', '.join(names)}")
    taps = stored["taps"]
    if not _are_counts(taps) or not taps:
        raise ModelDefinitionError(f"{where}: taps {taps!r} are no list of numbers of blocks")
    return Architecture(**{name: _count(stored, name, where) for name in names if name != "taps"}, taps=tuple(taps))


def _count(stored: Mapping[str, Any], name: str, where: str) -> int:
    value = stored.get(name)
    if type(value) is not int or value < 0:
        raise ModelDefinitionError(f"{where}: {name}={value!r} must be a whole number, 0 or more")
    return value


def _are_counts(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(type(value) is int and value >= 0 for value in values)
