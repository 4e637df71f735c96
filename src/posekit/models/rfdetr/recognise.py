"""Tells from the tensors of a file what network they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

from torch import Tensor

from posekit.errors import CheckpointError
from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.preview.slots import KeypointSlots
from posekit.models.rfdetr.sizes import BASE

DINO = "backbone.0.encoder.encoder."
HEAD_WIDTH = 64  # of the backbone's attention, in all DINOv2 networks
REQUIRED = (
    "class_embed.bias",
    "query_feat.weight",
    "transformer.enc_output.0.weight",
    "transformer.decoder.layers.0.cross_attn.attention_weights.bias",
    "transformer.decoder.layers.0.linear1.bias",
    f"{DINO}embeddings.position_embeddings",
    f"{DINO}embeddings.patch_embeddings.projection.weight",
)


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
    """Return the layout of the network that tensors belong to.

    Windows and taps leave no trace in the tensors; they follow from the patch size, as in all published networks.

    Args:
        state: tensors by name.
        options: what the file says besides; only ``resolution`` is read.
        path: the file, for messages.

    Raises:
        CheckpointError: the tensors are those of another network, or of a kind that posekit does not have.
    """
    _refuse_others(state, path)
    rows = len(state["class_embed.bias"])
    pose = state.get("keypoint_head.coord_head.layers.2.bias")
    return Layout(
        architecture=_architecture(state, options),
        class_rows=rows,
        keypoints=0 if pose is None else len(pose) // 2,
        slots=_slots(state, rows),
    )


def _refuse_others(state: Mapping[str, Tensor], path: str) -> None:
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


def _architecture(state: Mapping[str, Tensor], options: Mapping[str, Any]) -> Architecture:
    kernel = state[f"{DINO}embeddings.patch_embeddings.projection.weight"]
    patch, width = kernel.shape[-1], kernel.shape[0]
    like_base = patch == BASE.patch_size
    grid = isqrt(state[f"{DINO}embeddings.position_embeddings"].shape[1] - 1)
    groups = _count(state, "transformer.enc_output.")
    queries = len(state["query_feat.weight"]) // groups
    decoder = "transformer.decoder.layers."
    points = Architecture.points
    windows = BASE.windows if like_base else 2
    usual = BASE.resolution if like_base and grid == BASE.position_grid else grid * patch
    return Architecture(
        resolution=_resolution(options, usual, patch * windows),
        patch_size=patch,
        windows=windows,
        position_grid=grid,
        decoder_layers=_count(state, decoder),
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
        encoder_depth=_count(state, f"{DINO}encoder.layer."),
    )


def _resolution(options: Mapping[str, Any], usual: int, stride: int) -> int:
    stated = options.get("resolution")
    return stated if isinstance(stated, int) and stated > 0 and stated % stride == 0 else usual


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbered modules there are below a prefix."""
    return len({name[len(prefix) :].partition(".")[0] for name in state if name.startswith(prefix)})


def _slots(state: Mapping[str, Tensor], rows: int) -> KeypointSlots | None:
    """Return the keypoints per class of a keypoint preview; None for another network."""
    if "keypoint_embed.layers.0.weight" not in state:
        return None
    mask = state.get("_kp_active_mask")
    if mask is not None and mask.ndim == 2 and mask.numel():
        return KeypointSlots.from_mask(mask)
    count = len(state["transformer.decoder.keypoint_pos_embed"])
    # Files without the mask: with two class rows the first is background.
    return KeypointSlots((0, count) if rows == 2 else (count,))
