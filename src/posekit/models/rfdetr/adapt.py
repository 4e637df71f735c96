"""Makes tensors of one network fit another that differs in classes, queries, picture size, depth or keypoints."""

from collections.abc import Mapping

import torch
from torch import Tensor

from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.backbone.position_table import fit_position_table
from posekit.models.rfdetr.recognise import DINO, Layout

State = dict[str, Tensor]
POSITIONS = f"{DINO}embeddings.position_embeddings"
LAYERS = "transformer.decoder.layers."
PROJECTOR = "backbone.0.projector."
KEYPOINT_PROJECTOR = "backbone.0.cross_attn_projector."


def adapt(state: Mapping[str, Tensor], source: Layout, target: Layout) -> State:
    """Return the tensors of a network with layout `source` fitted to `target` where a rule is known."""
    wanted = target.architecture
    adapted = fit_class_rows(state, target.class_rows)
    adapted = fit_queries(adapted, source.architecture, wanted)
    adapted = fit_positions(adapted, wanted.position_grid)
    if source.keypoints != target.keypoints:
        adapted = without_last_pose_layers(adapted)
    adapted = repeat_last_layer(adapted, source.architecture.decoder_layers, wanted.decoder_layers)
    if target.slots is None:
        return adapted
    return fit_keypoints(with_keypoint_projector(adapted), target.slots.total)


def fit_class_rows(state: Mapping[str, Tensor], rows: int) -> State:
    """Keep the first rows of all class layers, or repeat them in order until there are enough."""
    return {name: cycled(tensor, rows) if "class_embed." in name else tensor for name, tensor in state.items()}


def fit_queries(state: Mapping[str, Tensor], source: Architecture, target: Architecture) -> State:
    """Keep the first queries of each group, and the first groups; fewer than wanted stay as they are."""
    groups, queries = min(source.groups, target.groups), min(source.queries, target.queries)
    return {
        name: _first_queries(tensor, source, groups, queries) if name in _QUERY_TABLES else tensor
        for name, tensor in state.items()
        if not _beyond(name, "transformer.enc_out", target.groups)
    }


def fit_positions(state: Mapping[str, Tensor], grid: int) -> State:
    """Resize the table of patch positions to a grid of `grid` x `grid`."""
    return {**state, POSITIONS: fit_position_table(state[POSITIONS], (grid, grid))}


def repeat_last_layer(state: Mapping[str, Tensor], known: int, wanted: int) -> State:
    """Begin decoder layers that the file lacks as copies of its last; leave out those too many."""
    last = f"{LAYERS}{known - 1}."
    copies = {
        f"{LAYERS}{index}.{name.removeprefix(last)}": tensor
        for index in range(known, wanted)
        for name, tensor in state.items()
        if name.startswith(last)
    }
    kept = {name: tensor for name, tensor in state.items() if not _beyond(name, LAYERS, wanted)}
    return kept | copies


def without_last_pose_layers(state: Mapping[str, Tensor]) -> State:
    """Leave out the layers of a pose head that are as wide as it has keypoints: they say nothing of other keypoints."""
    return {name: tensor for name, tensor in state.items() if not name.startswith(_LAST_POSE_LAYERS)}


def with_keypoint_projector(state: Mapping[str, Tensor]) -> State:
    """Begin the second projector of the keypoint preview as a copy of the first where the file lacks it."""
    copies = {
        name.replace(PROJECTOR, KEYPOINT_PROJECTOR): tensor
        for name, tensor in state.items()
        if name.startswith(PROJECTOR)
    }
    return {**copies, **state}


def fit_keypoints(state: Mapping[str, Tensor], count: int) -> State:
    """Keep the first keypoint tokens of a preview, or repeat them in order until there are enough."""
    return {
        name: cycled(tensor, count) if name.endswith((".queries", ".keypoint_pos_embed")) else tensor
        for name, tensor in state.items()
    }


def cycled(tensor: Tensor, rows: int) -> Tensor:
    """Return (rows, ...): the rows of a tensor in order, again and again."""
    return tensor if len(tensor) == rows else tensor[torch.arange(rows) % len(tensor)]


_LAST_POSE_LAYERS = ("keypoint_head.coord_head.layers.2.", "keypoint_head.visibility_head.layers.2.")
_QUERY_TABLES = ("refpoint_embed.weight", "query_feat.weight")


def _first_queries(table: Tensor, source: Architecture, groups: int, queries: int) -> Tensor:
    return table.view(source.groups, source.queries, -1)[:groups, :queries].flatten(0, 1)


def _beyond(name: str, prefix: str, count: int) -> bool:
    """Whether a name belongs to a numbered module below `prefix` that is one too many."""
    if not name.startswith(prefix):
        return False
    number = next((part for part in name[len(prefix) :].split(".") if part.isdigit()), None)
    return number is not None and int(number) >= count
