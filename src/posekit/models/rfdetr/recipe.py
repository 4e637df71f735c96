"""How RF-DETR networks are trained."""

from collections.abc import Iterator
from typing import Any, Final

from posekit.augment.stretch import Crops
from posekit.models.recipe import RateRule, Recipe
from posekit.models.rfdetr.architecture import Architecture
from posekit.models.rfdetr.recognise import DINO

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
