"""Small random batches: targets, raw outputs as leaves, and what scores them."""

import torch

from posekit.config.settings import TrainSettings
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.layers import RealNVP
from posekit.models.yolo.losses.criterion import make_criterion
from posekit.models.yolo.network import silent_build
from posekit.models.yolo.presets import SUFFIX
from posekit.sample import Targets
from small_networks import small_definition

STRIDES = (8.0, 16.0, 32.0)
SIDE, BATCH, CLASSES, POINTS, MASKS = 64, 2, 3, 4, 5
SIGMAS = (0.05,) * POINTS
# Task, and whether with two sets of branches.
HEADS = [(task, dual) for task in ("detect", "pose", "segment", "multitask") for dual in (False, True)]


def make_targets(counts=(3, 1), *, seed=0, overlap=True, points=POINTS):
    """Return targets with everything that any task needs; `counts` are objects per picture."""
    generator = torch.Generator().manual_seed(seed)
    count, side = sum(counts), SIDE // 4
    size = torch.rand(count, 2, generator=generator) * 0.4 + 0.3
    centre = size / 2 + torch.rand(count, 2, generator=generator) * (1 - size)
    spread = (torch.rand(count, points, 2, generator=generator) - 0.5) * size[:, None]
    visibility = torch.arange(count * points).view(count, points, 1) % 3
    pictures = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    stack = box_masks(centre, size, side)
    return Targets(
        pictures=pictures,
        classes=torch.randint(0, CLASSES, (count,), generator=generator),
        boxes=torch.cat((centre, size), 1),
        keypoints=torch.cat((centre[:, None] + spread, visibility), 2),
        masks=index_maps(stack, counts) if overlap else stack,
        overlap=overlap,
        semantic=torch.randint(0, CLASSES, (len(counts), side, side), generator=generator).float(),
    )


def box_masks(centre, size, side):
    """Return boxes given as fractions as masks (n, side, side)."""
    middle = (torch.arange(side) + 0.5) / side
    inside = ((middle - centre[..., None]).abs() < size[..., None] / 2).float()  # (n, 2, side)
    return inside[:, 1, :, None] * inside[:, 0, None, :]


def index_maps(stack, counts):
    """Return masks (n, h, w) as one map of indices per picture."""
    maps = torch.zeros(len(counts), *stack.shape[1:])
    for picture, masks in enumerate(torch.split(stack, list(counts))):
        for index, mask in enumerate(masks):
            maps[picture][mask > 0] = index + 1
    return maps


def make_outputs(task, *, dual, batch=BATCH, seed=0, dtype=torch.float32):
    """Return raw training outputs as leaves."""
    outputs = {"one2many": raw_branch(task, dual, batch, seed, dtype)}
    if dual:
        outputs["one2one"] = raw_branch(task, dual, batch, seed + 1, dtype)
        for name in ("proto", "semseg"):
            if name in outputs["one2one"]:
                outputs["one2one"][name] = outputs["one2many"][name].detach()
    return outputs


def raw_branch(task, dual, batch, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    anchors = sum(int(SIDE / stride) ** 2 for stride in STRIDES)
    channels = {"boxes": (4 * (1 if dual else 16), anchors), "scores": (CLASSES, anchors)}
    if task in ("pose", "multitask"):
        channels["kpts"] = (3 * POINTS, anchors)
    if task == "pose" and dual:
        channels["kpts_sigma"] = (2 * POINTS, anchors)
    if task in ("segment", "multitask"):
        channels |= {"mask_coefficient": (MASKS, anchors), "proto": (MASKS, SIDE // 4, SIDE // 4)}
        channels |= {"semseg": (CLASSES, SIDE // 8, SIDE // 8)} if dual else {}
    raw = {key: torch.randn(batch, *shape, generator=generator).to(dtype) for key, shape in channels.items()}
    if dual:
        raw["boxes"] = raw["boxes"] * 0.3 + 2  # distances in cells
    raw = {key: value.requires_grad_() for key, value in raw.items()}
    raw["feats"] = [torch.empty(batch, 1, int(SIDE / stride), int(SIDE / stride), dtype=dtype) for stride in STRIDES]
    return raw


def network_of(task, *, dual, nc, kpt_shape):
    """Return the network, without memory, that raw outputs of a task come from; dual: with two sets of branches."""
    definition = small_definition(f"yolo{26 if dual else 11}n{SUFFIX[task]}", nc=nc, kpt_shape=kpt_shape)
    return silent_build(parse_definition(definition))


def make_losses(task, *, dual, sigmas=SIGMAS, class_weights=None, class_points=None, **settings):
    """Return the criterion of such outputs."""
    network = network_of(task, dual=dual, nc=CLASSES, kpt_shape=(POINTS, 3))
    if dual and task == "pose":
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network.head.flow_model = RealNVP()
    return make_criterion(
        network, TrainSettings(**settings), sigmas, class_weights=class_weights, class_points=class_points
    )


def leaves(outputs):
    """Yield (branch and name, tensor) of every output that can have a gradient."""
    for branch, raw in outputs.items():
        for name, value in raw.items():
            if name != "feats" and value.requires_grad:
                yield f"{branch} {name}", value


def parameters_of(criterion):
    """Return the parameters that train with a criterion."""
    flow = criterion.branches["one2many"].rules.flow
    return [] if flow is None else list(flow.parameters())
