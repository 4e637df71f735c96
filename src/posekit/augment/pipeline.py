"""The way of a picture through training augmentation, from the loaded sample to network input and targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.augment.format import FormattedSample, MaskForm, format_sample
from posekit.augment.mixing import (
    TILES,
    draw_centre,
    draw_share,
    find_free_rectangle,
    make_mosaic,
    mix_up,
    paste_mirrored,
    paste_objects,
    paste_rectangle,
)
from posekit.augment.warps import (
    Stretch,
    affine_matrix,
    change_colours,
    draw_affine,
    draw_colour_gains,
    flip_left_right,
    flip_up_down,
    happens,
    warp_sample,
)
from posekit.config.settings import AugmentationSettings
from posekit.log import LOGGER
from posekit.sample import Sample
from posekit.schema.schema import KeypointSchema

Fetch = Callable[[int], Sample]
Size = tuple[int, int]
Generator = np.random.Generator
Partners = Sequence[int] | NDArray[np.int64]
Transform = Callable[[Sample, Generator], Sample]

BATCHES = 8
MOST = 1000


def picture_generator(seed: int, epoch: int, index: int) -> Generator:
    """Return the generator of all random changes to one picture in one epoch (0, 1, ...).

    It depends on nothing else, so neither the number of workers nor an interruption changes what a training sees.
    """
    return np.random.default_rng((seed, epoch, index))


def window_length(count: int, batch: int) -> int:
    """Return how many pictures to keep of a data set of `count`: those of eight batches, at most 1000."""
    return min(count, BATCHES * batch, MOST)


def recent_pictures(order: NDArray[np.int64], position: int, length: int) -> NDArray[np.int64]:
    """Return the numbers of the `length` pictures that come last in an epoch, up to and with the one at `position`.

    They follow from the (n,) order of the epoch alone, not from what a worker has seen, so that a training can be
    repeated exactly. Before the first picture come the last ones.
    """
    return order[np.arange(position - length + 1, position + 1) % len(order)]


def usable_settings(settings: AugmentationSettings, schema: KeypointSchema | None) -> AugmentationSettings:
    """Return the settings without what would mirror keypoints that no flip map is known for, and warn of it."""
    if schema is None:
        return settings
    mirrors = {"fliplr": schema.flip_idx, "flipud": schema.flip_idx_ud}
    if settings.copy_paste_mode == "flip":
        mirrors["copy_paste"] = schema.flip_idx
    off = [name for name, flip_map in mirrors.items() if flip_map is None and getattr(settings, name) > 0]
    if not off:
        return settings
    LOGGER.warning(
        "%s off: without a flip map, mirrored keypoints would take left for right; "
        "flip_idx in the dataset YAML gives the map",
        " and ".join(off) + (" is" if len(off) == 1 else " are"),
    )
    zeros: dict[str, Any] = dict.fromkeys(off, 0.0)
    return replace(settings, **zeros)


@dataclass(frozen=True)
class _Draw:
    """What decides about one training picture.

    Attributes:
        rng: gives all random numbers.
        partners: at least one number of a sample that may be joined to it.
        settings: those that hold for this picture.
        size: (H, W) of the frame that it is placed in.
    """

    rng: Generator
    partners: Partners
    settings: AugmentationSettings
    size: Size

    def happens(self, probability: float) -> bool:
        return happens(probability, self.rng)

    def partner(self) -> int:
        return int(self.partners[int(self.rng.integers(len(self.partners)))])


class TrainingPipeline:
    """Makes training pictures: joins, moves, recolours and mirrors pictures of a data set at random.

    The order is fixed: mosaic, copy-paste (flip), affine, copy-paste (mixup), MixUp, CutMix, `transform`, colours,
    up-down flip, left-right flip, form. All random numbers come from the generator of the call, so the same call gives
    the same result in any process. Fetched samples are never written to.

    Args:
        settings: ranges and probabilities.
        fetch: gives the sample of a number, without masks; its longer side is `imgsz` unless there is `stretch`.
        count: how many samples there are.
        imgsz: side of the network input, pixels.
        schema: of the keypoints; None without. What mirrors is off where it has no flip map, with a warning.
        masks: form of the masks; None when the task needs none.
        transform: further changes, such as an `AlbumentationsTransform`.
        stretch: what samples go through first where networks take stretched pictures.
    """

    def __init__(
        self,
        settings: AugmentationSettings,
        *,
        fetch: Fetch,
        count: int,
        imgsz: int,
        schema: KeypointSchema | None = None,
        masks: MaskForm | None = None,
        transform: Transform | None = None,
        stretch: Stretch | None = None,
    ) -> None:
        self._settings = usable_settings(settings, schema)
        self._alone = replace(self._settings, mosaic=0.0, mixup=0.0, cutmix=0.0, copy_paste=0.0)
        self._fetch = fetch
        self._count = count
        self._imgsz = imgsz
        self._flip_idx = schema.flip_idx if schema else None
        self._flip_idx_ud = schema.flip_idx_ud if schema else None
        self._masks = masks
        self._transform = transform
        self._stretch = stretch

    def __call__(
        self,
        index: int,
        rng: Generator,
        *,
        partners: Partners | None = None,
        size: Size | None = None,
        joined: bool = True,
    ) -> FormattedSample:
        """Return one training picture.

        Args:
            index: of the sample it starts from.
            rng: gives all random numbers; see `picture_generator`.
            partners: numbers of samples that may be joined to it, see `recent_pictures`; None for all.
            size: (H, W) of the result, for training on rectangles, where there is no mosaic, MixUp or CutMix; None for
                a square of `imgsz`.
            joined: whether pictures may be joined and objects copied at all; not in the last epochs.
        """
        settings = self._settings if joined else self._alone
        if size is not None:
            settings = replace(settings, mosaic=0.0, mixup=0.0, cutmix=0.0)
        others = range(self._count) if partners is None else partners
        draw = _Draw(rng, others, settings, size or (self._imgsz, self._imgsz))
        sample = self._placed(index, draw)
        if draw.happens(settings.mixup):
            sample = mix_up(sample, self._placed(draw.partner(), draw), draw_share(rng))
        if draw.happens(settings.cutmix):
            rectangle = find_free_rectangle(sample.boxes, draw.size, rng)
            if rectangle is not None:
                sample = paste_rectangle(sample, self._placed(draw.partner(), draw), rectangle)
        if self._transform is not None:
            sample = self._transform(sample, rng)
        sample = change_colours(sample, draw_colour_gains(settings, rng))
        if draw.happens(settings.flipud):
            sample = flip_up_down(sample, self._flip_idx_ud)
        if draw.happens(settings.fliplr):
            sample = flip_left_right(sample, self._flip_idx)
        return format_sample(sample, masks=self._masks, swap_colours=draw.happens(settings.bgr))

    def _placed(self, index: int, draw: _Draw) -> Sample:
        """Return a sample, perhaps with others, in the frame, with objects copied on the way."""
        settings = draw.settings
        sample = self._mosaic(index, draw)
        if settings.copy_paste > 0 and settings.copy_paste_mode == "flip":
            sample = paste_mirrored(sample, settings.copy_paste, self._flip_idx)
        sample = _warped(sample, draw)
        if settings.copy_paste_mode == "mixup" and draw.happens(settings.copy_paste):
            other = _warped(self._mosaic(draw.partner(), draw), draw)
            sample = paste_objects(sample, other, settings.copy_paste)
        return sample

    def _mosaic(self, index: int, draw: _Draw) -> Sample:
        """Return a sample alone, or as the first of a mosaic."""
        sample = self._one(index, draw)
        if not draw.happens(draw.settings.mosaic):
            return sample
        others = [self._one(draw.partner(), draw) for _ in range(TILES - 1)]
        return make_mosaic([sample, *others], draw_centre(self._imgsz, draw.rng), self._imgsz)

    def _one(self, index: int, draw: _Draw) -> Sample:
        sample = self._fetch(index)
        return sample if self._stretch is None else self._stretch(sample, draw.rng)


def _warped(sample: Sample, draw: _Draw) -> Sample:
    parameters = draw_affine(draw.settings, draw.rng)
    return warp_sample(sample, affine_matrix(parameters, sample.size, draw.size), draw.size, zoom=parameters.zoom)
