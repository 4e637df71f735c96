"""Detect, pose, segment and multitask heads of YOLOv8, YOLO11 and YOLO26, and the one table of what they return.

Attribute names and their order are those of the published state dicts; multitask heads, of which none are published,
name keypoint and mask branches apart. A head takes the feature maps of its levels, finest first, and returns raw
tensors; it does not decode. With B pictures, A anchor points of all levels (finest level first, each row by row), nc
classes, K keypoints of D values, C_i channels of level i:

| key | shape | content |
|---|---|---|
| boxes | (B, 4 * reg_max, A) | channel = side * reg_max + bin; sides left, top, right, bottom |
| scores | (B, nc, A) | class logits |
| feats | list of (B, C_i, H_i, W_i) | the inputs of the head |
| kpts | (B, K * D, A) | raw keypoints, all values of a point together |
| kpts_sigma | (B, 2 * K, A) | raw spread of x and y; YOLO26 in training only |
| mask_coefficient | (B, masks, A) | weights of the prototypes |
| proto | (B, masks, H/4, W/4) | mask prototypes |
| semseg | (B, nc, H/8, W/8) | semantic logits; YOLO26 in training only |
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypedDict

import torch
from torch import Tensor, nn

from posekit.models.yolo.layers import Conv, Proto, Proto26, RealNVP, depthwise_conv

Branch = Literal["one2many", "one2one"]
PREFIX: Final[dict[Branch, str]] = {"one2many": "", "one2one": "one2one_"}
BOX_BIAS: Final = 2.0
REFERENCE_SIDE: Final = 640  # class biases assume about five objects on a picture of this side


class BranchOutputs(TypedDict, total=False):
    """Raw tensors of one set of branches; see the table of this module."""

    boxes: Tensor
    scores: Tensor
    feats: list[Tensor]
    kpts: Tensor
    kpts_sigma: Tensor
    mask_coefficient: Tensor
    proto: Tensor
    semseg: Tensor


class Outputs(TypedDict, total=False):
    """What a network returns: `one2many` always unless removed by fusing, `one2one` with YOLO26 heads."""

    one2many: BranchOutputs
    one2one: BranchOutputs


@dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """What a head predicts.

    Attributes:
        nc: number of classes.
        reg_max: bins per box side; 1 means plain distances.
        depthwise: whether class branches use depthwise convolutions (YOLO11, YOLO26).
        end2end: whether a second, one-to-one set of branches exists (YOLO26).
        kpt_shape: (K, D) of the keypoints; None without.
        masks: number of mask prototypes and coefficients; 0 without.
        proto_hidden: hidden channels of the prototype network.
    """

    nc: int
    reg_max: int = 16
    depthwise: bool = False
    end2end: bool = False
    kpt_shape: tuple[int, int] | None = None
    masks: int = 0
    proto_hidden: int = 0


class DFL(nn.Module):
    """Holder of the fixed bin values 0 ... reg_max-1, kept for its state-dict key ``dfl.conv.weight``."""

    def __init__(self, reg_max: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(reg_max, 1, 1, bias=False).requires_grad_(False)
        # Made on the CPU: on "meta", where networks are built before they are filled, it would import a compiler.
        bins = torch.arange(reg_max, dtype=torch.float32, device="cpu")
        self.conv.weight.data.copy_(bins.view(1, reg_max, 1, 1))


class Detect(nn.Module):
    """Boxes and classes; the base of the other heads."""

    def __init__(self, channels: Sequence[int], spec: HeadSpec) -> None:
        super().__init__()
        self.spec = spec
        self.branches: tuple[Branch, ...] = ("one2many", "one2one") if spec.end2end else ("one2many",)
        hidden = max(16, channels[0] // 4, 4 * spec.reg_max)
        class_hidden = max(channels[0], min(spec.nc, 100))
        class_branch = _depthwise_class_branch if spec.depthwise else _plain_branch
        self.cv2 = nn.ModuleList(_plain_branch(c, hidden, 4 * spec.reg_max) for c in channels)
        self.cv3 = nn.ModuleList(class_branch(c, class_hidden, spec.nc) for c in channels)
        if spec.end2end:
            self.one2one_cv2 = deepcopy(self.cv2)
            self.one2one_cv3 = deepcopy(self.cv3)
        self.dfl = DFL(spec.reg_max) if spec.reg_max > 1 else nn.Identity()

    def forward(self, feats: list[Tensor]) -> Outputs:
        """Return raw outputs of every set of branches; one-to-one branches send no gradient to `feats`."""
        shared = self.shared_outputs(feats)
        outputs = Outputs()
        for branch in self.branches:
            one2one = branch == "one2one"
            inputs = [feat.detach() for feat in feats] if one2one else feats
            raw = self.branch_outputs(inputs, PREFIX[branch])
            for key, value in shared.items():
                raw[key] = value.detach() if one2one else value  # type: ignore[literal-required, attr-defined]
            outputs[branch] = raw
        return outputs

    def branch_outputs(self, feats: list[Tensor], prefix: str) -> BranchOutputs:
        """Return the raw tensors of the branches whose names start with `prefix`."""
        return BranchOutputs(
            boxes=flatten_levels(self.get_submodule(f"{prefix}cv2"), feats),
            scores=flatten_levels(self.get_submodule(f"{prefix}cv3"), feats),
            feats=feats,
        )

    def shared_outputs(self, feats: list[Tensor]) -> BranchOutputs:
        """Return tensors that exist once for all sets of branches (prototypes)."""
        return BranchOutputs()

    def initialize_biases(self, strides: Sequence[float]) -> None:
        """Start boxes at two cells per side and classes at about five objects per 640 px picture."""
        for branch in self.branches:
            for box, scores, stride in zip(
                self._lasts(f"{PREFIX[branch]}cv2"), self._lasts(f"{PREFIX[branch]}cv3"), strides, strict=True
            ):
                box.data[:] = BOX_BIAS
                scores.data[:] = math.log(5 / self.spec.nc / (REFERENCE_SIDE / stride) ** 2)

    def keep_only(self, branch: Branch) -> None:
        """Remove the other set of branches and whatever only training needs."""
        for name in [name for name, _ in self.named_children()]:
            twin = name.removeprefix("one2one_")
            doubled = hasattr(self, f"one2one_{twin}")
            if doubled and name.startswith("one2one_") != (branch == "one2one"):
                delattr(self, name)
        self.branches = (branch,)

    def _lasts(self, name: str) -> list[Tensor]:
        return [level.get_parameter("2.bias") for level in self.get_submodule(name).children()]


class Pose(Detect):
    """Boxes, classes and keypoints (YOLOv8, YOLO11)."""

    keypoints_name: ClassVar[str] = "cv4"  # of the keypoint branches in the state dict

    def __init__(self, channels: Sequence[int], spec: HeadSpec) -> None:
        super().__init__(channels, spec)
        values = math.prod(_keypoints(spec))
        hidden = max(channels[0] // 4, values)
        self.add_module(self.keypoints_name, nn.ModuleList(_plain_branch(c, hidden, values) for c in channels))

    def branch_outputs(self, feats: list[Tensor], prefix: str) -> BranchOutputs:
        """Add ``kpts``."""
        raw = super().branch_outputs(feats, prefix)
        raw["kpts"] = flatten_levels(self.get_submodule(self.keypoints_name), feats)
        return raw


class Segment(Detect):
    """Boxes, classes and instance masks (YOLOv8, YOLO11)."""

    masks_name: ClassVar[str] = "cv4"  # of the branches of mask coefficients in the state dict

    def __init__(self, channels: Sequence[int], spec: HeadSpec) -> None:
        super().__init__(channels, spec)
        self.proto: nn.Module = self._prototypes(channels, spec)
        hidden = max(channels[0] // 4, spec.masks)
        self.add_module(self.masks_name, nn.ModuleList(_plain_branch(c, hidden, spec.masks) for c in channels))

    def _prototypes(self, channels: Sequence[int], spec: HeadSpec) -> nn.Module:
        return Proto(channels[0], spec.proto_hidden, spec.masks)

    def branch_outputs(self, feats: list[Tensor], prefix: str) -> BranchOutputs:
        """Add ``mask_coefficient``."""
        raw = super().branch_outputs(feats, prefix)
        raw["mask_coefficient"] = flatten_levels(self.get_submodule(f"{prefix}{self.masks_name}"), feats)
        return raw

    def shared_outputs(self, feats: list[Tensor]) -> BranchOutputs:
        """Return ``proto``."""
        return BranchOutputs(proto=self.proto(feats[0]))


class Segment26(Segment):
    """Boxes, classes and instance masks of YOLO26: two sets of branches, prototypes from all levels."""

    proto: Proto26

    def __init__(self, channels: Sequence[int], spec: HeadSpec) -> None:
        super().__init__(channels, spec)
        self.add_module(f"one2one_{self.masks_name}", deepcopy(self.get_submodule(self.masks_name)))

    def _prototypes(self, channels: Sequence[int], spec: HeadSpec) -> Proto26:
        return Proto26(channels, spec.proto_hidden, spec.masks, spec.nc)

    def shared_outputs(self, feats: list[Tensor]) -> BranchOutputs:
        """Return ``proto`` and, in training, ``semseg``."""
        merged = self.proto.merge(feats)
        outputs = BranchOutputs(proto=self.proto.prototypes(merged))
        if self.training:
            outputs["semseg"] = self.proto.semantic_logits(merged)
        return outputs

    def keep_only(self, branch: Branch) -> None:
        """Drop the semantic branch, too."""
        super().keep_only(branch)
        self.proto.semseg = None


class Pose26(Detect):
    """Boxes, classes and keypoints of YOLO26, with a spread per point and a flow for training."""

    keypoints_name: ClassVar[str] = "cv4"  # of the branches that places and spreads are read from
    learns_likelihood: ClassVar[bool] = True  # whether there are spreads and a flow

    def __init__(self, channels: Sequence[int], spec: HeadSpec) -> None:
        super().__init__(channels, spec)
        points, dims = _keypoints(spec)
        hidden = max(channels[0] // 4, points * (dims + 2))
        inner = nn.ModuleList(nn.Sequential(Conv(c, hidden, 3), Conv(hidden, hidden, 3)) for c in channels)
        self.add_module(self.keypoints_name, inner)
        self.add_module(f"one2one_{self.keypoints_name}", deepcopy(inner))
        self.flow_model = RealNVP() if self.learns_likelihood else None
        self.cv4_kpts = nn.ModuleList(nn.Conv2d(hidden, points * dims, 1) for _ in channels)
        self.cv4_sigma = (
            nn.ModuleList(nn.Conv2d(hidden, 2 * points, 1) for _ in channels) if self.learns_likelihood else None
        )
        self.one2one_cv4_kpts = deepcopy(self.cv4_kpts)
        self.one2one_cv4_sigma = deepcopy(self.cv4_sigma)

    def branch_outputs(self, feats: list[Tensor], prefix: str) -> BranchOutputs:
        """Add ``kpts`` and, in training, ``kpts_sigma``."""
        raw = super().branch_outputs(feats, prefix)
        branches: nn.ModuleList = self.get_submodule(f"{prefix}{self.keypoints_name}")  # type: ignore[assignment]
        inner = [branch(feat) for branch, feat in zip(branches, feats, strict=True)]
        raw["kpts"] = flatten_levels(self.get_submodule(f"{prefix}cv4_kpts"), inner)
        if self.training and self.learns_likelihood:
            raw["kpts_sigma"] = flatten_levels(self.get_submodule(f"{prefix}cv4_sigma"), inner)
        return raw

    def keep_only(self, branch: Branch) -> None:
        """Drop the flow and the spread, too."""
        super().keep_only(branch)
        self.flow_model = None
        for name in ("cv4_sigma", "one2one_cv4_sigma"):
            if hasattr(self, name):
                setattr(self, name, None)


class MultiTask(Segment, Pose):
    """Boxes, classes, keypoints and instance masks of the same objects (YOLOv8, YOLO11)."""

    keypoints_name: ClassVar[str] = "cv4_pose"
    masks_name: ClassVar[str] = "cv4_seg"


class MultiTask26(Segment26, Pose26):
    """Boxes, classes, keypoints and instance masks of the same objects, from two sets of branches (YOLO26).

    The likelihood of keypoints is left out: it takes a shared body for itself, masks lose much by it, and keypoints win
    nothing (figures: docs/multitask.md).
    """

    keypoints_name: ClassVar[str] = "cv4_pose"
    masks_name: ClassVar[str] = "cv4_seg"
    learns_likelihood: ClassVar[bool] = False


HEADS: dict[str, Callable[[Sequence[int], HeadSpec], Detect]] = {
    "Detect": Detect,
    "Pose": Pose,
    "Pose26": Pose26,
    "Segment": Segment,
    "Segment26": Segment26,
    "MultiTask": MultiTask,
    "MultiTask26": MultiTask26,
}


def flatten_levels(branches: nn.Module, feats: Sequence[Tensor]) -> Tensor:
    """Run one branch per level and join the positions of all levels: (B, C, A), finest level first."""
    levels = [branch(feat).flatten(2) for branch, feat in zip(branches.children(), feats, strict=True)]
    return torch.cat(levels, 2)


def _plain_branch(c1: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(Conv(c1, hidden, 3), Conv(hidden, hidden, 3), nn.Conv2d(hidden, out, 1))


def _depthwise_class_branch(c1: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Sequential(depthwise_conv(c1, c1, 3), Conv(c1, hidden)),
        nn.Sequential(depthwise_conv(hidden, hidden, 3), Conv(hidden, hidden)),
        nn.Conv2d(hidden, out, 1),
    )


def _keypoints(spec: HeadSpec) -> tuple[int, int]:
    if spec.kpt_shape is None:
        raise ValueError("a pose head needs kpt_shape")
    return spec.kpt_shape
