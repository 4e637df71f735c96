"""The camera's share in a picture: exposure, tint, blur and noise."""

import cv2
import numpy as np

from posekit.data.figures.backdrop import blurred
from posekit.sample import Picture


def finish(rng: np.random.Generator, picture: Picture, noise: float) -> Picture:
    """Return the (H, W, 3) uint8 picture as a camera takes it: toned, soft, with up to `noise` grey levels of noise."""
    toned = cv2.LUT(picture, _tone_curves(rng)).astype(np.uint8, copy=False)
    soft = float(rng.choice([0.0, rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.5)], p=[0.55, 0.35, 0.1]))
    # At 640 pixels a lens blurs by about one; smaller pictures are sharper per pixel.
    toned = blurred(toned, soft * min(1.0, min(picture.shape[:2]) / 480))
    return _noisy(rng, toned, float(rng.uniform(0, 1) ** 2 * noise))


def _tone_curves(rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(256, 1, 3) uint8 look-up table of brightness, contrast, gamma and tint."""
    levels = np.linspace(0, 1, 256)[:, None, None]
    gamma, contrast = np.exp(rng.normal(0, 0.18)), np.exp(rng.normal(0, 0.13))
    gains = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.05, 3))
    toned = ((levels**gamma - 0.5) * contrast + 0.5) * gains
    return np.asarray(np.clip(toned * 255, 0, 255), np.uint8)


def _noisy(rng: np.random.Generator, picture: Picture, sigma: float) -> Picture:
    if sigma < 0.5:
        return picture
    grain = rng.standard_normal(picture.shape[:2], np.float32) * np.float32(sigma)
    return cv2.add(picture, cv2.merge([grain, grain, grain]), dtype=cv2.CV_8U).astype(np.uint8, copy=False)
