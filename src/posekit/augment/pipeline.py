"""The way of a picture through training augmentation, from the loaded sample to network input and targets."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posekit.augment.colour import change_colours, draw_colour_gains
from posekit.augment.cutmix import find_free_rectangle, paste_rectangle
from posekit.augment.draw import Draw
from posekit.augment.flips import flip_left_right, flip_up_down
from posekit.augment.format import FormattedSample, MaskForm, format_sample
from posekit.augment.mixup import draw_share, mix_up
from posekit.augment.placement import Fetch, Placement, Size
from posekit.augment.stretch import Stretch
from posekit.augment.usable import usable_settings
from posekit.config.augmentation import AugmentationSettings
from posekit.sample import Sample
from posekit.schema import KeypointSchema

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
