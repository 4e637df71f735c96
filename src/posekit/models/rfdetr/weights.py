"""Weights of RF-DETR networks: published files, files of the reference implementation, and what their tensors fill."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from posekit.checkpoint.checkpoint import read_tensor_file
from posekit.checkpoint.record import Checkpoint
from posekit.errors import CheckpointError
from posekit.models.rfdetr.architecture import DINO, Layout, recognise, to_definition
from posekit.models.rfdetr.backbone import fit_position_table
from posekit.models.rfdetr.network import RFDETRNetwork
from posekit.models.rfdetr.preview import KeypointPreviewNetwork
from posekit.models.shared import listed, misfits, tensors_of
from posekit.schema.schema import KeypointSchema

WRAPPERS: Final = ("module.", "model.", "_orig_mod.")  # what they put before the names of tensors
AnyNetwork = RFDETRNetwork | KeypointPreviewNetwork
State = dict[str, Tensor]

POSITIONS: Final = f"{DINO}embeddings.position_embeddings"
LAYERS: Final = "transformer.decoder.layers."
PROJECTOR: Final = "backbone.0.projector."
KEYPOINT_PROJECTOR: Final = "backbone.0.cross_attn_projector."
QUERY_TABLES: Final = ("refpoint_embed.weight", "query_feat.weight")
KEYPOINT_TOKENS: Final = (".queries", ".keypoint_pos_embed")
# As wide as a pose head has keypoints: they say nothing of other keypoints.
LAST_POSE_LAYERS: Final = ("keypoint_head.coord_head.layers.2.", "keypoint_head.visibility_head.layers.2.")

# Rebuilt from the layout, whatever the file says.
MASKS: Final = ("_kp_active_mask", "transformer.decoder.keypoint_class_mask")
# Heads of keypoints are new when training starts from a detector.
NEW: Final = (
    "keypoint_head.",
    "keypoint_embed.",
    "transformer.keypoint_query_initializer",
    "transformer.enc_out_keypoint_embed.",
    "transformer.decoder.keypoint_pos_embed",
)
NEW_IN_LAYERS: Final = (".kp_", ".instance_kp_layer_scale")
# The preview's file holds a projection that its network does not use; detectors need no keypoints.
UNUSED: Final = ("keypoint_head.keypoint_proj.", *NEW, KEYPOINT_PROJECTOR)

COCO_ROWS: Final = 91  # the row is the category id of COCO, 1 to 90, with gaps
PERSON: Final = "person"
# COCO's categories 1 to 90; a dash for those that no picture has, an underscore for a space.
COCO_NAMES: Final = (
    "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant - stop_sign parking_meter "
    "bench bird cat dog horse sheep cow elephant bear zebra giraffe - backpack umbrella - - handbag tie suitcase "
    "frisbee skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle - "
    "wine_glass cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair "
    "couch potted_plant bed - dining_table - - toilet - tv laptop mouse remote keyboard cell_phone microwave oven "
    "toaster sink refrigerator - book clock vase scissors teddy_bear hair_drier toothbrush"
)


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """What a file holds.

    Attributes:
        path: the file.
        state: tensors by name, floating ones in 32 bits.
        options: training options or model settings by name; empty when the file has none.
    """

    path: str
    state: State
    options: dict[str, Any] = field(default_factory=dict)


def read_weights_file(path: str | Path) -> WeightsFile:
    """Read a ``.pth`` file without running anything that is in it.

    Raises:
        WeightsNotFoundError: there is no such file.
        CheckpointError: the file is damaged, hostile, or holds no state dict.
    """
    top = read_tensor_file(path)
    entry = next((top[name] for name in ("model", "state_dict") if isinstance(top.get(name), dict)), top)
    state = {
        _bare(name): tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in entry.items()
        if isinstance(name, str) and isinstance(tensor, torch.Tensor)
    }
    if not state:
        raise CheckpointError(f"{path}: no state dict under 'model' or 'state_dict'")
    # The options of older files; the settings of newer ones come first.
    parts = [top.get(key) for key in ("hyper_parameters", "args", "model_config")]
    options = {str(key): value for part in parts if isinstance(part, dict) for key, value in part.items()}
    return WeightsFile(path=str(path), state=state, options=options)


def _bare(name: str) -> str:
    while name.startswith(WRAPPERS):
        name = name.partition(".")[2]
    return name


def adapt(state: Mapping[str, Tensor], source: Layout, target: Layout) -> State:
    """Return the tensors of a network with layout `source` fitted to `target` where a rule is known.

    Of class rows and keypoint tokens the first are kept, or all are repeated in order until there are enough; of
    queries the first of each group, and of groups and decoder layers the first.
    """
    old, new = source.architecture, target.architecture
    groups, queries = min(old.groups, new.groups), min(old.queries, new.queries)
    adapted = {}
    for name, tensor in state.items():
        if _beyond(name, "transformer.enc_out", new.groups) or _beyond(name, LAYERS, new.decoder_layers):
            continue
        if source.keypoints != target.keypoints and name.startswith(LAST_POSE_LAYERS):
            continue
        if "class_embed." in name:
            tensor = cycled(tensor, target.class_rows)
        elif name in QUERY_TABLES:
            tensor = tensor.view(old.groups, old.queries, -1)[:groups, :queries].flatten(0, 1)
        elif name == POSITIONS:
            tensor = fit_position_table(tensor, (new.position_grid, new.position_grid))
        elif target.slots is not None and name.endswith(KEYPOINT_TOKENS):
            tensor = cycled(tensor, target.slots.total)
        adapted[name] = tensor
    # Decoder layers that the file lacks begin as copies of its last, the second projector as a copy of the first.
    last = f"{LAYERS}{old.decoder_layers - 1}."
    copies = {
        f"{LAYERS}{index}.{name.removeprefix(last)}": tensor
        for index in range(old.decoder_layers, new.decoder_layers)
        for name, tensor in adapted.items()
        if name.startswith(last)
    }
    if target.slots is not None:
        copies |= {
            name.replace(PROJECTOR, KEYPOINT_PROJECTOR): tensor
            for name, tensor in adapted.items()
            if name.startswith(PROJECTOR)
        }
    return copies | adapted


def cycled(tensor: Tensor, rows: int) -> Tensor:
    """Return (rows, ...): the rows of a tensor in order, again and again."""
    return tensor if len(tensor) == rows else tensor[torch.arange(rows) % len(tensor)]


def _beyond(name: str, prefix: str, count: int) -> bool:
    """Whether a name belongs to a numbered module below `prefix` that is one too many."""
    if not name.startswith(prefix):
        return False
    number = next((part for part in name[len(prefix) :].split(".") if part.isdigit()), None)
    return number is not None and int(number) >= count


def build_network(layout: Layout) -> AnyNetwork:
    """Return a network with the initial weights of PyTorch, in evaluation mode."""
    if layout.slots is not None:
        return KeypointPreviewNetwork(layout.architecture, layout.class_rows, layout.slots).eval()
    return RFDETRNetwork(layout.architecture, layout.class_rows, layout.keypoints).eval()


def checkpoint_of(
    network: nn.Module,
    layout: Layout,
    names: Mapping[int, str],
    schema: KeypointSchema | None,
    settings: Mapping[str, Any],
    license: str | None,
    path: str | Path,
) -> Checkpoint:
    """Return what a checkpoint of a network holds, to be saved under `path`."""
    return Checkpoint(
        path=str(path),
        state=tensors_of(network),
        task="detect" if schema is None else "pose",
        definition=to_definition(layout),
        names=dict(names),
        schema=schema,
        settings=dict(settings),
        license=license,
    )


def network_from_file(file: WeightsFile) -> tuple[AnyNetwork, Layout]:
    """Return the network that a file holds, and its layout.

    Raises:
        CheckpointError: the file holds another kind of network, or not all of one.
    """
    layout = recognise(file.state, file.options, file.path)
    network = build_network(layout)
    missing = fill_network(network, file.state, file.path)
    if missing:
        raise CheckpointError(f"{file.path}: the weights are incomplete: {listed(missing)} missing")
    return network, layout


def start_from_file(network: AnyNetwork, target: Layout, file: WeightsFile) -> list[str]:
    """Fill a network with the weights of another that it is to be trained from; return the names that stay new.

    Raises:
        CheckpointError: the file holds another kind of network, or one of another width, depth or patch size.
    """
    source = recognise(file.state, file.options, file.path)
    return start_from_state(network, target, file.state, source, file.path)


def start_from_state(
    network: AnyNetwork, target: Layout, state: Mapping[str, Tensor], source: Layout, path: str
) -> list[str]:
    """Fill a network with the tensors of one of layout `source`; return the names that stay new.

    Raises:
        CheckpointError: they are of another width, depth or patch size.
    """
    return fill_network(network, adapt(state, source, target), path)


def fill_network(network: AnyNetwork, state: Mapping[str, Tensor], path: str) -> list[str]:
    """Copy tensors into a network; return the names of those that a keypoint head lacks.

    Raises:
        CheckpointError: other tensors are missing, left over, or of another shape.
    """
    own = network.state_dict()
    wanted = {name: tuple(tensor.shape) for name, tensor in own.items() if name not in MASKS}
    missing = [name for name in wanted if name not in state]
    expected = {name: shape for name, shape in wanted.items() if name in state or not _is_new(name)}
    idle = {name for name in state if name not in wanted and (name in own or name.startswith(UNUSED))}
    problems = misfits({name: tensor for name, tensor in state.items() if name not in idle}, expected)
    if problems:
        raise CheckpointError(f"{path}: the weights do not fit this RF-DETR network: {listed(problems)}")
    network.load_state_dict({name: state[name] for name in wanted if name in state}, strict=False)
    return missing


def _is_new(name: str) -> bool:
    return name.startswith(NEW) or any(part in name for part in NEW_IN_LAYERS)


def class_names(layout: Layout, options: Mapping[str, Any]) -> dict[int, str]:
    """Return class names by index, without the spare row that no object has; a file may state ``class_names``."""
    stated = _texts(options.get("class_names"))
    slots = layout.slots
    # Class 0 of a keypoint preview may be background.
    first = int(slots is not None and slots.counts[0] == 0 and any(slots.counts))
    if len(stated) == layout.class_rows - 1:
        return {first + index: name for index, name in enumerate(stated)}
    if layout.class_rows == COCO_ROWS:
        return coco_names() if slots is None or first else {0: PERSON}
    if layout.class_rows == 2:
        return {first: PERSON}
    return {first + index: str(first + index) for index in range(layout.class_rows - 1)}


def coco_names() -> dict[int, str]:
    """Return the names of COCO's categories by their ids."""
    words = COCO_NAMES.split()
    return {number: word.replace("_", " ") for number, word in enumerate(words, start=1) if word != "-"}


def point_schema(layout: Layout, options: Mapping[str, Any]) -> KeypointSchema | None:
    """Return the keypoints of a network, None without; a file may state ``keypoint_names``."""
    count = layout.keypoints or (0 if layout.slots is None else layout.slots.widest)
    if not count:
        return None
    known = KeypointSchema.for_shape((count, 3))
    stated = _texts(options.get("keypoint_names"))
    if len(stated) != count or stated == known.names:
        return known
    return KeypointSchema(shape=(count, 3), names=stated)


def _texts(value: object) -> tuple[str, ...]:
    """Return a list of texts; empty for anything else."""
    is_list = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return tuple(value) if is_list else ()  # type: ignore[arg-type]
