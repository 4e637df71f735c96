"""Shows drawn results while a prediction runs."""

from types import TracebackType

from posekit.sample import Picture
from posekit.viz.live_window import LiveWindow
from posekit.viz.window import show_picture


class Display:
    """Opens each picture in the system's viewer, and plays videos and streams in one window.

    Attributes:
        stopped: whether the user closed the window, or pressed q in it.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._window: LiveWindow | None = None

    def show(self, picture: Picture, *, moving: bool) -> None:
        """Show a drawn picture (H, W, 3) uint8 BGR, or the next frame.

        Raises:
            DisplayError: there is no screen, or nothing to show pictures with.
        """
        if not moving:
            show_picture(picture)
            return
        if self._window is None:
            self._window = LiveWindow("posekit")
        self.stopped = not self._window.show(picture)

    def close(self) -> None:
        """Close the window; harmless when repeated."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
