"""Pictures shown on the screen or handed to Pillow."""

import os
import sys

from PIL import Image, ImageShow

from posekit.errors import DisplayError
from posekit.viz.scene import Picture


def pillow_picture(picture: Picture) -> Image.Image:
    """Return an (H, W, 3) uint8 BGR picture as a Pillow picture, RGB."""
    return Image.fromarray(picture[..., ::-1])


def show_picture(picture: Picture) -> None:
    """Open a picture in the system's viewer, or in the notebook.

    Pillow's viewers are used, because OpenCV is installed without windows.

    Args:
        picture: (H, W, 3) uint8 BGR.

    Raises:
        DisplayError: there is no screen, or no program that shows pictures.
    """
    require_screen()
    if not ImageShow.show(pillow_picture(picture)):
        raise DisplayError("no picture viewer to show the picture with: save it to a file instead")


def require_screen() -> None:
    """Make sure that a picture can appear.

    Raises:
        DisplayError: there is no screen.
    """
    if not _has_screen():
        raise DisplayError("there is no screen to show pictures on: save them to files instead")


def _has_screen() -> bool:
    """Whether a picture can appear: a desktop, or a notebook that runs this code."""
    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    return hasattr(sys.modules.get("__main__"), "get_ipython") or "ipykernel" in sys.modules
