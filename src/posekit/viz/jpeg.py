"""Pictures as the bytes of a JPEG file."""

import cv2

from posekit.errors import OutputError
from posekit.viz.scene import Picture

JPEG_QUALITY = 92


def jpeg_bytes(picture: Picture, quality: int = JPEG_QUALITY) -> bytes:
    """Encode an (H, W, 3) uint8 BGR picture.

    Args:
        picture: no side longer than 65,500 pixels, and none of them 0.
        quality: 1 to 100.

    Raises:
        OutputError: the picture does not fit into a JPEG.
    """
    done = False
    if 0 not in picture.shape:
        done, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise OutputError(f"a picture of shape {picture.shape} does not fit into a JPEG: a side is 1 to 65,500 pixels")
    return data.tobytes()
