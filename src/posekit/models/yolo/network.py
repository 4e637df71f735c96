"""A YOLO network: built from its definition, run, fused, measured."""

import re
from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from posekit.config.commands import TASKS_WITH_OUTLINES
from posekit.errors import ModelDefinitionError
from posekit.models.contract import NetworkCost
from posekit.models.yolo.definition import FORCED_C3K_SCALES, HEAD_TASKS, LayerSpec, ModelDefinition
from posekit.models.yolo.heads import HEADS, Branch, Detect, HeadSpec, Outputs
from posekit.models.yolo.layers import C2, C2PSA, SILU, SPPF, Attention, C2f, C3k2, Concat, Conv

ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {
    name: getattr(nn, name)
    for name in ("ReLU", "ReLU6", "LeakyReLU", "Hardswish", "GELU", "Mish", "ELU", "SiLU", "Identity")
}
SLOPED: Final = ("LeakyReLU", "ELU")  # these take a number

BN_OPERATIONS: Final = 8  # per output element: four multiply-adds
MEASURED: Final = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, Attention)


class YoloNetwork(nn.Module):
    """A YOLO body with its head, as one list of layers; raw outputs, no decoding.

    Attributes:
        model: the layers; their state-dict keys start with ``model.<index>.``.
        definition: the data it was built from.
        strides: pixels of the input per cell, for each level of the head.
        names: class names by index.
    """

    def __init__(self, definition: ModelDefinition) -> None:
        super().__init__()
        self.definition = definition
        self.names = {index: str(index) for index in range(definition.nc)}
        layers, self.strides = _build_layers(definition)
        self.model = nn.Sequential(*layers)
        self._sources = tuple(
            tuple(i + origin if origin < 0 else origin for origin in layer.sources)
            for i, layer in enumerate(definition.layers)
        )
        self._kept = {origin for i, sources in enumerate(self._sources) for origin in sources if origin != i - 1}
        self.head.initialize_biases(self.strides)
        if definition.activation:
            _replace_activation(self, definition.activation)

    @property
    def head(self) -> Detect:
        """The last layer."""
        return self.model[-1]  # type: ignore[return-value]

    @property
    def task(self) -> str:
        """What the head predicts: detect, segment, pose or multitask."""
        return self.definition.task

    @property
    def max_stride(self) -> int:
        """Largest stride: input height and width are multiples of it."""
        return int(max(self.strides))

    def forward(self, images: Tensor) -> Outputs:
        """Map images (B, 3, H, W), RGB in [0, 1], to raw outputs; H and W multiples of the largest stride."""
        return self._run(images, self._kept, len(self.model))[0]  # type: ignore[return-value]

    def feature_maps(self, images: Tensor, layers: Collection[int]) -> dict[int, Tensor]:
        """Return the outputs (B, C, H, W) of the given layers, by index; later layers are not run."""
        if not layers or not all(0 <= index < len(self.model) - 1 for index in layers):
            raise ValueError(f"layers {list(layers)} must be indices from 0 to {len(self.model) - 2}")
        return self._run(images, self._kept | set(layers), max(layers) + 1)[1]

    def _run(self, images: Tensor, kept: set[int], count: int) -> tuple[Tensor, dict[int, Tensor]]:
        """Run the first `count` layers; return the last output and the outputs to keep."""
        outputs: dict[int, Tensor] = {}
        x = images
        for index, (layer, sources) in enumerate(zip(list(self.model)[:count], self._sources, strict=False)):
            inputs = [x if source == index - 1 else outputs[source] for source in sources]
            single = len(inputs) == 1 and not isinstance(layer, (Concat, Detect))
            x = layer(inputs[0] if single else inputs)
            if index in kept:
                outputs[index] = x
        return x, outputs


def _build_layers(definition: ModelDefinition) -> tuple[list[nn.Module], tuple[float, ...]]:
    """Return the layers and the strides of the head's levels."""
    channels: list[int] = []  # output channels per layer
    strides: list[float] = []  # input pixels per cell, per layer
    layers: list[nn.Module] = []
    for index, spec in enumerate(definition.layers):
        where = f"layer {index} ({spec.block})"
        if any(not -index <= origin < index and origin != -1 for origin in spec.sources):
            raise ModelDefinitionError(f"{where} reads layers {list(spec.sources)}, only 0 to {index - 1} come before")
        inputs = [channels[origin] if channels else 3 for origin in spec.sources]
        levels = tuple(strides[origin] if strides else 1.0 for origin in spec.sources)
        if spec.block in HEAD_TASKS:
            if index != len(definition.layers) - 1:
                raise ModelDefinitionError(f"{where} is a head, but not the last layer")
            return [*layers, _head(spec, inputs, definition)], levels
        if len(inputs) > 1 and len(set(levels)) > 1:
            raise ModelDefinitionError(f"{where} joins maps of different strides {levels}")
        layers.append(_layer(spec, inputs, definition))
        channels.append(_output_channels(spec, inputs, definition))
        strides.append(levels[0] * _reduction(spec))
    raise ModelDefinitionError("a model definition needs a head as its last layer")


def _layer(spec: LayerSpec, inputs: Sequence[int], definition: ModelDefinition) -> nn.Module:
    options = {key: value for key, value in spec.options.items() if key != "channels"}
    c1, c2 = inputs[0], _output_channels(spec, inputs, definition)
    repeats = definition.repeats(spec.repeats)
    match spec.block:
        case "Conv":
            return Conv(c1, c2, **options)
        case "C2f":
            return C2f(c1, c2, repeats, **options)
        case "C2":
            return C2(c1, c2, repeats, **options)
        case "C3k2":
            c3k = bool(options.pop("c3k", False)) or definition.scale in tuple(FORCED_C3K_SCALES)
            return C3k2(c1, c2, repeats, c3k=c3k, **options)
        case "SPPF":
            return SPPF(c1, c2, **options)
        case "C2PSA":
            return C2PSA(c1, c2, repeats)
        case "Upsample":
            return nn.Upsample(scale_factor=float(options["factor"]), mode=str(options["mode"]))
        case "Concat":
            return Concat()
        case "Silence":
            return nn.Identity()
    raise ModelDefinitionError(f"no builder for block {spec.block}")


def _output_channels(spec: LayerSpec, inputs: Sequence[int], definition: ModelDefinition) -> int:
    return definition.channels(spec.options["channels"]) if "channels" in spec.options else sum(inputs)


def _reduction(spec: LayerSpec) -> float:
    """Return by how much a layer shrinks height and width."""
    if spec.block == "Upsample":
        return 1 / float(spec.options["factor"])
    return float(spec.options.get("stride", 1))


def _head(spec: LayerSpec, channels: Sequence[int], definition: ModelDefinition) -> Detect:
    segments = definition.task in TASKS_WITH_OUTLINES
    head = HeadSpec(
        nc=definition.nc,
        reg_max=definition.reg_max,
        depthwise=any(layer.block == "C3k2" for layer in definition.layers),
        end2end=definition.end2end,
        kpt_shape=definition.kpt_shape,
        masks=int(spec.options.get("masks", 32)) if segments else 0,
        proto_hidden=definition.channels(int(spec.options.get("proto_hidden", 256))) if segments else 0,
    )
    return HEADS[spec.block](channels, head)


def _replace_activation(network: nn.Module, text: str) -> None:
    """Put another activation in place of SiLU; `text` is such as ``nn.ReLU()`` or ``LeakyReLU(0.1)``."""
    plain = re.sub(r",?\s*inplace=(True|False)", "", text)
    match = re.fullmatch(r"(?:torch\.)?(?:nn\.)?(\w+)(?:\((?:(?:\w+=)?(\d*\.?\d+))?\))?", plain)
    if not match or match[1] not in ACTIVATIONS or (match[2] and match[1] not in SLOPED):
        raise ModelDefinitionError(f"activation '{text}' is unknown; known are {', '.join(ACTIVATIONS)}")
    activation = ACTIVATIONS[match[1]](*([float(match[2])] if match[2] else []))
    for module in network.modules():
        if getattr(module, "act", None) is SILU:
            module.act = activation


def silent_build(definition: ModelDefinition) -> YoloNetwork:
    """Build without memory or initial values (device ``meta``), to be filled from a checkpoint."""
    with torch.device("meta"):
        return YoloNetwork(definition)


class FusedConv(nn.Module):
    """A convolution with bias and its activation: what `Conv` computes in evaluation mode."""

    def __init__(self, conv: nn.Conv2d, activation: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.act = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return ``act(conv(x))``."""
        return self.act(self.conv(x))  # type: ignore[no-any-return]


def fuse_network(network: YoloNetwork, branch: Branch = "one2many") -> YoloNetwork:
    """Return a fused copy for inference; the original keeps its batch norms and both sets of branches.

    Of a YOLO26 head `branch` is the set that stays; others have ``one2many`` alone.
    """
    fused = deepcopy(network).eval().requires_grad_(False)
    fused.head.keep_only(branch)
    _fuse_children(fused)
    return fused


def is_fused(network: nn.Module) -> bool:
    """Whether a network has no batch norm left to fold."""
    return not any(isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)) for module in network.modules())


def _fuse_children(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Conv):
            setattr(module, name, FusedConv(_fold(child.conv, child.bn), child.act))
        else:
            _fuse_children(child)


def _fold(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> nn.Conv2d:
    """Return the convolution w' = w * g / sqrt(v + eps), b' = b - m * g / sqrt(v + eps)."""
    # Without initial values, which would cost time and advance the user's random numbers.
    fused: nn.Conv2d = skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d,
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        groups=conv.groups,
        device=conv.weight.device,
        dtype=conv.weight.dtype,
    ).requires_grad_(False)
    assert bn.running_mean is not None
    assert bn.running_var is not None
    with torch.no_grad():
        gain = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        fused.weight.copy_(conv.weight * gain.view(-1, 1, 1, 1))
        fused.bias.copy_(bn.bias - bn.running_mean * gain)  # type: ignore[union-attr]
    return fused


def network_cost(network: YoloNetwork, size: tuple[int, int] = (640, 640)) -> NetworkCost:
    """Measure a network for inputs of (H, W) pixels; nothing is computed, only shapes.

    Operations are those of convolutions, attention products, batch norms, and the expectation of box bins.
    """
    levels = sum(size[0] / stride * (size[1] / stride) for stride in network.strides)
    bins = network.head.spec.reg_max
    counts = [2.0 * 4 * bins * levels if bins > 1 else 0.0]
    twin = deepcopy(network).to("meta").eval()
    for module in twin.modules():
        if isinstance(module, MEASURED):
            module.register_forward_hook(lambda module, inputs, out: counts.append(_operations(module, inputs[0], out)))
    with torch.no_grad():
        twin(torch.empty(1, 3, *size, device="meta"))
    return NetworkCost.of(network, sum(counts))


def _operations(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the operations of one call of a module, but for those of modules inside it."""
    if isinstance(module, nn.Conv2d):
        return 2.0 * y.numel() * module.weight[0].numel()
    if isinstance(module, nn.ConvTranspose2d):
        return 2.0 * x.numel() * module.weight[0].numel()
    if isinstance(module, Attention):
        positions = x.shape[2] * x.shape[3]
        return 2.0 * module.heads * positions**2 * (module.key_dim + module.head_dim)
    return float(BN_OPERATIONS * y.numel())
