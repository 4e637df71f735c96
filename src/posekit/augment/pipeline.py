"""The way of a picture through training augmentation, from the loaded sample to network input and targets."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posekit.augment.chance import Draw
from posekit.augment.colour import change_colours, draw_colour_gains
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
    FlipMap,
    Stretch,
    affine_matrix,
    draw_affine,
    flip_left_right,
    flip_up_down,
    warp_sample,
)
from posekit.config.settings import AugmentationSettings
from posekit.log import LOGGER
from posekit.sample import Sample
from posekit.schema.schema import KeypointSchema

Fetch = Callable[[int], Sample]


Size = tuple[int, int]


class Placement:
    """Places samples in frames, copying objects on the way.

    Args:
        settings: ranges and probabilities; none that the data set does not allow.
        fetch: gives the sample of a number.
        imgsz: side that the longer sides of samples were resized to, pixels.
        flip_idx: of the keypoints, for copied mirror images; None without keypoints.
        stretch: what samples go through first where networks take stretched pictures; samples have any size then.
    """

    def __init__(
        self,
        settings: AugmentationSettings,
        *,
        fetch: Fetch,
        imgsz: int,
        flip_idx: FlipMap | None,
        stretch: Stretch | None = None,
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._imgsz = imgsz
        self._flip_idx = flip_idx
        self._stretch = stretch

    def __call__(self, index: int, draw: Draw, size: Size) -> Sample:
        """Return sample `index`, perhaps with others, in a frame of (H, W) pixels."""
        settings = self._settings
        sample = self._load(index, draw)
        if settings.copy_paste > 0 and settings.copy_paste_mode == "flip":
            sample = paste_mirrored(sample, settings.copy_paste, self._flip_idx)
        sample = self._warp(sample, draw, size)
        if settings.copy_paste_mode == "mixup" and draw.happens(settings.copy_paste):
            other = self._warp(self._load(draw.partner(), draw), draw, size)
            sample = paste_objects(sample, other, settings.copy_paste)
        return sample

    def without_mosaic(self) -> "Placement":
        """Return the same without mosaics."""
        settings = replace(self._settings, mosaic=0.0)
        return Placement(settings, fetch=self._fetch, imgsz=self._imgsz, flip_idx=self._flip_idx, stretch=self._stretch)

    def _load(self, index: int, draw: Draw) -> Sample:
        sample = self._one(index, draw)
        if not draw.happens(self._settings.mosaic):
            return sample
        others = [self._one(draw.partner(), draw) for _ in range(TILES - 1)]
        return make_mosaic([sample, *others], draw_centre(self._imgsz, draw.rng), self._imgsz)

    def _one(self, index: int, draw: Draw) -> Sample:
        sample = self._fetch(index)
        return sample if self._stretch is None else self._stretch(sample, draw)

    def _warp(self, sample: Sample, draw: Draw, size: Size) -> Sample:
        parameters = draw_affine(self._settings, draw.rng)
        return warp_sample(sample, affine_matrix(parameters, sample.size, size), size, zoom=parameters.zoom)


def usable_settings(settings: AugmentationSettings, schema: KeypointSchema | None) -> AugmentationSettings:
    """Return the settings without what would mirror keypoints that no flip map is known for, and warn of it.

    Args:
        settings: as asked for.
        schema: of the data set; None without keypoints, where every mirror image is right.
    """
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


Generator = np.random.Generator


Partners = Sequence[int] | NDArray[np.int64]


Transform = Callable[[Sample, Generator], Sample]


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
        self._fetch = fetch
        self._count = count
        self._imgsz = imgsz
        self._schema = schema
        self._masks = masks
        self._transform = transform
        self._stretch = stretch
        flip_idx = schema.flip_idx if schema else None
        self._place = Placement(self._settings, fetch=fetch, imgsz=imgsz, flip_idx=flip_idx, stretch=stretch)
        self._place_in_rectangle = self._place.without_mosaic()

    def __call__(
        self, index: int, rng: Generator, *, partners: Partners | None = None, size: Size | None = None
    ) -> FormattedSample:
        """Return one training picture.

        Args:
            index: of the sample it starts from.
            rng: gives all random numbers; see `picture_generator`.
            partners: numbers of samples that may be joined to it, see `recent_pictures`; None for all.
            size: (H, W) of the result, for training on rectangles, where there is no mosaic, MixUp or CutMix; None for
                a square of `imgsz`.
        """
        draw = Draw(rng, range(self._count) if partners is None else partners)
        sample = self._joined(index, draw) if size is None else self._place_in_rectangle(index, draw, size)
        if self._transform is not None:
            sample = self._transform(sample, rng)
        sample = change_colours(sample, draw_colour_gains(self._settings, rng))
        sample = self._flipped(sample, draw)
        return format_sample(sample, masks=self._masks, swap_colours=draw.happens(self._settings.bgr))

    def without_mosaic(self) -> "TrainingPipeline":
        """Return a pipeline that joins no pictures and copies no objects, for the last epochs."""
        return TrainingPipeline(
            replace(self._settings, mosaic=0.0, mixup=0.0, cutmix=0.0, copy_paste=0.0),
            fetch=self._fetch,
            count=self._count,
            imgsz=self._imgsz,
            schema=self._schema,
            masks=self._masks,
            transform=self._transform,
            stretch=self._stretch,
        )

    def _joined(self, index: int, draw: Draw) -> Sample:
        size = self._imgsz, self._imgsz
        sample = self._place(index, draw, size)
        if draw.happens(self._settings.mixup):
            sample = mix_up(sample, self._place(draw.partner(), draw, size), draw_share(draw.rng))
        if draw.happens(self._settings.cutmix):
            rectangle = find_free_rectangle(sample.boxes, size, draw.rng)
            if rectangle is not None:
                sample = paste_rectangle(sample, self._place(draw.partner(), draw, size), rectangle)
        return sample

    def _flipped(self, sample: Sample, draw: Draw) -> Sample:
        schema = self._schema
        if draw.happens(self._settings.flipud):
            sample = flip_up_down(sample, schema.flip_idx_ud if schema else None)
        if draw.happens(self._settings.fliplr):
            sample = flip_left_right(sample, schema.flip_idx if schema else None)
        return sample


class RecentSamples:
    """Gives samples by number and keeps those asked for last; threads may share it.

    Samples come out as they went in, so callers must not write to their arrays.

    Args:
        fetch: loads a sample.
        capacity: how many to keep, at least 1.
    """

    def __init__(self, fetch: Fetch, capacity: int) -> None:
        self._fetch = fetch
        self._capacity = capacity
        self._kept: OrderedDict[int, Sample] = OrderedDict()
        self._lock = Lock()

    def __call__(self, index: int) -> Sample:
        """Return the sample of a number, loading it when it is not kept."""
        with self._lock:
            kept = self._kept.get(index)
            if kept is not None:
                self._kept.move_to_end(index)
                return kept
        # Not under the lock: other threads go on, and at worst two load the same picture.
        sample = self._fetch(index)
        with self._lock:
            self._kept[index] = sample
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return sample
