"""What an RF-DETR network offers to the engine for training (see `models.contract`)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from posekit.augment.warps import Crops
from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import TrainSettings, ValSettings
from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.models.contract import Criterion, RateRule, Recipe
from posekit.models.rfdetr.architecture import DINO, Architecture
from posekit.models.rfdetr.inference import RFDETRInference, RFDETRValidation
from posekit.models.rfdetr.losses import detection_criterion, pose_criterion
from posekit.models.rfdetr.model import RFDETRModel, contents_of
from posekit.models.rfdetr.weights import AnyNetwork

# What no picture has an influence on: it stands for patches that are hidden while a backbone is made.
ALWAYS: Final = (f"{DINO}embeddings.mask_token",)


def freeze_parts(network: nn.Module, freeze: int | Sequence[int | str] | None) -> None:
    """Turn off the gradients of the frozen parts of a network, and turn on all others.

    Args:
        network: the network.
        freeze: dotted names of parts, such as ``"backbone"`` or ``"transformer.decoder"``.

    Raises:
        SettingError: there is no such part, or nothing would be left to train.
    """
    if isinstance(freeze, int) or any(isinstance(part, int) for part in freeze or ()):
        raise SettingError(f"freeze={freeze}: the parts of an RF-DETR network have names: freeze=[backbone]")
    parts = [str(part) for part in freeze or ()]
    known = {name for name, _ in network.named_modules() if name}
    unknown = [part for part in parts if part not in known]
    if unknown:
        raise SettingError(f"freeze={freeze}: there is no {unknown[0]}; parts are {', '.join(_children(network))}")
    frozen = (*(f"{part}." for part in parts), *ALWAYS)
    parameters = dict(network.named_parameters())
    if all(name.startswith(frozen) for name in parameters):
        raise SettingError(f"freeze={freeze} freezes the whole network: leave a part out")
    for name, parameter in parameters.items():
        parameter.requires_grad_(not name.startswith(frozen))


def _children(network: nn.Module) -> list[str]:
    return [name for name, module in network.named_children() if any(True for _ in module.parameters())]


RATE: Final = 1e-4


DECODER_FACTOR: Final = 0.7


# Relative to RATE: the backbone's own rate, and its place below the decoder.
BACKBONE_FACTOR: Final = 1.5 * DECODER_FACTOR**2


BLOCK_FACTOR: Final = 0.8  # from each block of the backbone to the one before


UNDECAYED: Final = ("bias", "norm", "embeddings", "gamma", "pos_embed", "rel_pos")


SCALES: Final = 5  # steps of the stride that inputs get larger and smaller by


FEWEST_STRIDES: Final = 2  # the smallest input


CROPS: Final = Crops(shorter_sides=(400, 500, 600), lengths=(384, 600))


SETTINGS: Final[dict[str, Any]] = {
    "optimizer": "AdamW",
    "lr0": RATE,
    "lrf": 1.0,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "warmup_epochs": 0.0,
    "batch": 4,
    "nbs": 16,
    "seed": 42,
    "mosaic": 0.0,
    "scale": 0.0,
    "translate": 0.0,
    "hsv_h": 0.0,
    "hsv_s": 0.0,
    "hsv_v": 0.0,
    "close_mosaic": 0,
    "patience": 0,
}


def recipe_for(architecture: Architecture) -> Recipe:
    """Return the recipe of a network, for inputs of its resolution."""
    return Recipe(
        settings=SETTINGS | {"imgsz": architecture.resolution, "multi_scale": largest_change(architecture)},
        rates=tuple(rates(architecture)),
        largest_gradient=0.1,
        average_decay=0.993,
        average_ramp=100.0,
        averages_batches=True,
        crops=CROPS,
    )


def largest_change(architecture: Architecture) -> float:
    """Return the share by which inputs get larger and smaller in training."""
    side, stride = architecture.resolution, architecture.stride
    return max(min(SCALES * stride, side - FEWEST_STRIDES * stride), 0) / side


def rates(architecture: Architecture) -> Iterator[RateRule]:
    """Yield the rule of each part: the earlier a part of the backbone, the slower it learns."""
    last = architecture.taps[-1] + 1

    def backbone(part: str, place: int) -> RateRule:
        factor = BACKBONE_FACTOR * BLOCK_FACTOR ** (last + 1 - place)
        return RateRule(prefix=f"{DINO}{part}", factor=factor, undecayed=UNDECAYED)

    yield backbone("embeddings.", 0)
    for block in range(architecture.encoder_depth):
        yield backbone(f"encoder.layer.{block}.", block + 1)
    yield backbone("layernorm.", last + 1)
    yield RateRule(prefix="transformer.decoder.", factor=DECODER_FACTOR)
    yield RateRule(prefix="")


WITHOUT_EFFECT = ("box", "cls", "dfl", "pose", "kobj", "rle", "cls_pw")


class RFDETRTraining:
    """An RF-DETR network for the classes and keypoints of a data set.

    Args:
        model: the network, of the resolution that it is trained in, its schema, and what its file says.
    """

    def __init__(self, model: RFDETRModel) -> None:
        self.model = model
        self.network = model.network
        self.task = model.task
        self.names = dict(model.names)
        self.schema = model.schema
        self.stride = model.layout.architecture.stride
        self.recipe = recipe_for(model.layout.architecture)

    def criterion(self, settings: TrainSettings, sigmas: Sequence[float] | None, class_counts: Tensor) -> Criterion:
        """Return the losses of the task, whose weights are fixed; `class_counts` do not matter."""
        defaults = TrainSettings()
        idle = [name for name in WITHOUT_EFFECT if getattr(settings, name) != getattr(defaults, name)]
        if idle:
            LOGGER.warning("%s: no effect on RF-DETR networks, whose losses have fixed weights", ", ".join(idle))
        return detection_criterion() if sigmas is None else pose_criterion(sigmas)

    def boosted(self) -> Collection[str]:
        """Return nothing: the recipe has rules for every parameter."""
        return ()

    def freeze(self, layers: int | Sequence[int | str] | None) -> None:
        """Turn off the gradients of some parts, and turn on all others.

        Raises:
            SettingError: there is no such part, or nothing would be left to train.
        """
        freeze_parts(self.network, layers)

    def train(self) -> None:
        """Put the network into training mode."""
        self.network.train()

    def load_size(self, size: tuple[int, int], imgsz: int) -> tuple[int, int]:
        """Return (h, w) of a picture that is read: its own, or smaller where crops have more pixels than they need."""
        crops = self.recipe.crops
        enough = max(imgsz, *(crops.shorter_sides if crops else ()))
        ratio = min(enough / min(size), 1)
        return max(round(size[0] * ratio), 1), max(round(size[1] * ratio), 1)

    def validation(self, network: nn.Module, device: torch.device, settings: ValSettings) -> RFDETRValidation:
        """Return a network as a model that can be measured."""
        return RFDETRValidation(RFDETRInference(self._of(network), device=device))

    def checkpoint(self, network: nn.Module, path: str, settings: Mapping[str, Any]) -> Checkpoint:
        """Return what a file of a network holds, with its training settings."""
        return contents_of(replace(self._of(network), settings=dict(settings)), path)

    def _of(self, network: nn.Module) -> RFDETRModel:
        return replace(self.model, network=cast(AnyNetwork, network))
