"""Pictures shown on the screen or handed to Pillow."""

import os
import sys

from PIL import Image, ImageShow

from posekit.errors import DisplayError
from posekit.sample import Picture


def pillow_picture(picture: Picture) -> Image.Image:
    """Return an (H, W, 3) uint8 BGR picture as a Pillow picture, RGB."""
    return Image.fromarray(picture[..., ::-1])


def show_picture(picture: Picture) -> None:
    """Open an (H, W, 3) uint8 BGR picture in the system's viewer, or in the notebook.

    Pillow's viewers are used, because OpenCV is installed without windows.

    Raises:
        DisplayError: there is no screen, or no program that shows pictures.
    """
    require_screen()
    if not ImageShow.show(pillow_picture(picture)):
        raise DisplayError("no picture viewer to show the picture with: save it to a file instead")


def require_screen() -> None:
    """Raise a `DisplayError` where no picture can appear."""
    if not _has_screen():
        raise DisplayError("there is no screen to show pictures on: save them to files instead")


def _has_screen() -> bool:
    """Whether a picture can appear: a desktop, or a notebook that runs this code."""
    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    return hasattr(sys.modules.get("__main__"), "get_ipython") or "ipykernel" in sys.modules


class LiveWindow:
    """Shows one frame after the other; ``q`` or the close button ends it.

    Tk is used, because OpenCV is installed without windows. All calls belong to one thread.

    Raises:
        DisplayError: there is no screen, or Python comes without Tk.
    """

    def __init__(self, title: str) -> None:
        try:
            import tkinter
        except ImportError as error:
            raise DisplayError(
                "showing videos needs Tk, which this Python lacks: install python3-tk, or save instead"
            ) from error
        try:
            self._root = tkinter.Tk(className=title)
        except tkinter.TclError as error:
            raise DisplayError(f"no window can be opened ({error}): use save=True to write the video") from error
        self._open = True
        self._frame: tkinter.PhotoImage | None = None
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._root.title(title)
        self._root.bind("q", lambda _: self._stop())
        self._root.protocol("WM_DELETE_WINDOW", self._stop)

    def show(self, picture: Picture) -> bool:
        """Put a frame (H, W, 3) uint8 BGR on the screen; return False once the user has ended the window."""
        import tkinter

        height, width = picture.shape[:2]
        pixels = f"P6 {width} {height} 255\n".encode() + picture[..., ::-1].tobytes()
        # Tk does not hold on to the frame, so the window must.
        self._frame = tkinter.PhotoImage(master=self._root, data=pixels, format="PPM")
        self._label.configure(image=self._frame)
        self._root.update()
        return self._open

    def close(self) -> None:
        """Remove the window."""
        self._root.destroy()

    def _stop(self) -> None:
        self._open = False
