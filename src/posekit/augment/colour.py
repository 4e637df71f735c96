"""Colour changes: hue, saturation and brightness by tables. Nothing moves."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.config.settings import AugmentationSettings
from posekit.sample import Picture, Sample

HUES = 180  # OpenCV's hue circle in bytes


def draw_colour_gains(settings: AugmentationSettings, rng: np.random.Generator) -> tuple[float, float, float]:
    """Draw the changes of hue, saturation and brightness, each from minus to plus its setting."""
    hue, saturation, value = rng.uniform(-1, 1, 3) * (settings.hsv_h, settings.hsv_s, settings.hsv_v)
    return float(hue), float(saturation), float(value)


def change_colours(sample: Sample, gains: tuple[float, float, float]) -> Sample:
    """Return the sample with its picture's colours changed; see `shift_colours`."""
    return replace(sample, image=shift_colours(sample.image, gains)) if any(gains) else sample


def shift_colours(image: Picture, gains: tuple[float, float, float]) -> Picture:
    """Turn the hue and scale saturation and brightness.

    Args:
        image: (H, W, 3) uint8 BGR.
        gains: hue as a share of the circle; saturation and brightness as shares added to 1.

    Returns:
        (H, W, 3) uint8 BGR, a new array.
    """
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv = cv2.LUT(hsv, _tables(gains), dst=hsv)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=hsv), np.uint8)


def _tables(gains: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Return (1, 256, 3): for each byte of hue, saturation and brightness what it becomes, fractions cut off."""
    levels = np.arange(256, dtype=np.float64)
    hue = (levels + HUES * gains[0]) % HUES
    saturation, value = ((levels * (1 + gain)).clip(0, 255) for gain in gains[1:])
    return np.stack((hue, saturation, value), -1).astype(np.uint8)[None]
