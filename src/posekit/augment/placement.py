"""How a picture comes into the frame of the network: alone or in a mosaic, and through a random affine map."""

from collections.abc import Callable
from dataclasses import replace

from posekit.augment.affine import affine_matrix, draw_affine
from posekit.augment.copy_paste import paste_mirrored, paste_objects
from posekit.augment.draw import Draw
from posekit.augment.flips import FlipMap
from posekit.augment.mosaic import TILES, draw_centre, make_mosaic
from posekit.augment.stretch import Stretch
from posekit.augment.warp import warp_sample
from posekit.config.augmentation import AugmentationSettings
from posekit.sample import Sample

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
