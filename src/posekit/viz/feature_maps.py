"""Pictures of what layers see: channels side by side in grey."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from posekit.errors import OutputError

CHANNELS = 32
COLUMNS = 8


def save_feature_maps(maps: Mapping[str, Tensor], folders: Sequence[Path]) -> None:
    """Write one PNG per layer and picture: ``<folder>/<layer>_features.png``.

    Args:
        maps: (B, C, H, W) by layer name; the first channels are drawn, each stretched to full contrast.
        folders: one per picture, B in all; made when missing.

    Raises:
        OutputError: a picture cannot be written.
    """
    for name, batch in maps.items():
        for folder, channels in zip(folders, batch.float().cpu().numpy(), strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}_features.png"
            encoded, data = cv2.imencode(".png", tile_channels(channels[:CHANNELS]))
            if not encoded:
                raise OutputError(f"{path}: the feature maps cannot be encoded")
            path.write_bytes(data.tobytes())


def tile_channels(channels: np.ndarray) -> np.ndarray:
    """Arrange (C, H, W) float maps in rows of eight: uint8, one pixel apart."""
    low = channels.min((1, 2), keepdims=True)
    span = np.maximum(channels.max((1, 2), keepdims=True) - low, 1e-12)
    grey = ((channels - low) / span * 255).astype(np.uint8)
    rows = -(-len(grey) // COLUMNS)
    padded = np.zeros((rows * COLUMNS, grey.shape[1] + 1, grey.shape[2] + 1), np.uint8)
    padded[: len(grey), :-1, :-1] = grey
    height, width = padded.shape[1:]
    return padded.reshape(rows, COLUMNS, height, width).swapaxes(1, 2).reshape(rows * height, COLUMNS * width)
