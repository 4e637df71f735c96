"""An RF-DETR network as training knows it: recipe, criterion, freezing (see `models.contract`)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from posekit.checkpoint.record import Checkpoint
from posekit.config.settings import TrainSettings, ValSettings
from posekit.errors import SettingError
from posekit.log import LOGGER
from posekit.models.contract import Criterion, RateRule, Recipe
from posekit.models.rfdetr.architecture import DINO, Architecture, Layout
from posekit.models.rfdetr.inference import RFDETRInference
from posekit.models.rfdetr.losses import detection_criterion, pose_criterion
from posekit.models.rfdetr.weights import AnyNetwork, checkpoint_of
from posekit.models.shared import freeze
from posekit.placing import Placing, Stretching
from posekit.schema.schema import KeypointSchema

# What no picture has an influence on: it stands for patches that are hidden while a backbone is made.
ALWAYS: Final = (f"{DINO}embeddings.mask_token",)
WITHOUT_EFFECT: Final = ("box", "cls", "dfl", "pose", "kobj", "rle", "cls_pw")  # settings

RATE: Final = 1e-4
DECODER_FACTOR: Final = 0.7
# Relative to RATE: the backbone's own rate, and its place below the decoder.
BACKBONE_FACTOR: Final = 1.5 * DECODER_FACTOR**2
BLOCK_FACTOR: Final = 0.8  # from each block of the backbone to the one before
UNDECAYED: Final = ("bias", "norm", "embeddings", "gamma", "pos_embed", "rel_pos")
SCALES: Final = 5  # steps of the stride that inputs get larger and smaller by
FEWEST_STRIDES: Final = 2  # the smallest input
SHORTER_SIDES: Final = (400, 500, 600)  # of pictures before they are cropped, pixels
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


def training_settings(architecture: Architecture) -> dict[str, Any]:
    """Return the settings that a network is trained with where the user has said nothing, for its resolution."""
    return SETTINGS | {"imgsz": architecture.resolution, "multi_scale": largest_change(architecture)}


def recipe_for(architecture: Architecture) -> Recipe:
    """Return what no setting says of the training of a network, for inputs of its resolution."""
    from posekit.augment.warps import Crops

    return Recipe(
        rates=tuple(rates(architecture)),
        largest_gradient=0.1,
        average_decay=0.993,
        average_ramp=100.0,
        averages_batches=True,
        crops=Crops(shorter_sides=SHORTER_SIDES, lengths=(384, 600)),
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


class RFDETRTraining:
    """A `Trainable` RF-DETR network.

    Args:
        network: for the classes and keypoints of a data set.
        layout: what it was built from, for the resolution that it is trained in.
        names: class names by index.
        schema: the keypoints; None without.
        license: of the weights that it started from; None when unknown or fresh.
    """

    def __init__(
        self,
        network: AnyNetwork,
        layout: Layout,
        names: Mapping[int, str],
        schema: KeypointSchema | None,
        license: str | None,
    ) -> None:
        self.network = network
        self.layout = layout
        self.task = "detect" if schema is None else "pose"
        self.names = dict(names)
        self.schema = schema
        self.placing: Placing = Stretching(layout.architecture.stride, max(SHORTER_SIDES))
        self.recipe = recipe_for(layout.architecture)
        self._license = license

    def criterion(self, settings: TrainSettings, sigmas: Sequence[float] | None, class_counts: Tensor) -> Criterion:
        """See `Trainable`: the losses have fixed weights, and `class_counts` do not matter."""
        defaults = TrainSettings()
        idle = [name for name in WITHOUT_EFFECT if getattr(settings, name) != getattr(defaults, name)]
        if idle:
            LOGGER.warning("%s: no effect on RF-DETR networks, whose losses have fixed weights", ", ".join(idle))
        return detection_criterion() if sigmas is None else pose_criterion(sigmas)

    def freeze(self, layers: int | Sequence[int | str] | None) -> None:
        """See `Trainable`: parts have dotted names, such as ``"backbone"`` or ``"transformer.decoder"``."""
        if isinstance(layers, int) or any(isinstance(part, int) for part in layers or ()):
            raise SettingError(f"freeze={layers}: the parts of an RF-DETR network have names: freeze=[backbone]")
        parts = [str(part) for part in layers or ()]
        known = {name for name, _ in self.network.named_modules() if name}
        unknown = [part for part in parts if part not in known]
        if unknown:
            learning = [name for name, part in self.network.named_children() if any(True for _ in part.parameters())]
            raise SettingError(f"freeze={layers}: there is no {unknown[0]}; parts are {', '.join(learning)}")
        freeze(self.network, [f"{part}." for part in parts], ALWAYS, layers, "leave a part out")

    def train(self) -> None:
        """See `Trainable`: there are no statistics."""
        self.network.train()

    def validation(self, network: nn.Module, device: torch.device, settings: ValSettings) -> RFDETRInference:
        """See `Trainable`."""
        return RFDETRInference(cast(AnyNetwork, network), self.layout, self.names, self.schema, device=device)

    def checkpoint(self, network: nn.Module, path: str, settings: Mapping[str, Any]) -> Checkpoint:
        """See `Trainable`."""
        return checkpoint_of(network, self.layout, self.names, self.schema, settings, self._license, path)
