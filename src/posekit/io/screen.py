"""The screen as a source."""

from collections.abc import Generator

import numpy as np

from posekit.errors import MissingExtraError, SourceNotFoundError, SourceValueError
from posekit.io.base import Source
from posekit.io.convert import from_array
from posekit.sample import Origin, Sample

_FORMS = "write: screen, screen NUMBER, screen X Y WIDTH HEIGHT or screen NUMBER X Y WIDTH HEIGHT"


class ScreenSource(Source):
    """Screenshots without end, one per batch.

    Args:
        number: 0 for all screens together, 1 for the first, ...
        region: left, top, width and height in pixels of that screen; None for all of it.

    Raises (when iterated):
        MissingExtraError: the package that takes screenshots is missing.
        SourceNotFoundError: there is no display, or no such screen.
    """

    count = 1
    live = True
    is_video = True

    def __init__(self, number: int = 0, region: tuple[int, int, int, int] | None = None) -> None:
        self.number = number
        self.region = region

    def _batches(self) -> Generator[list[Sample], None, None]:
        try:
            import mss
            from mss.exception import ScreenShotError
        except ImportError as error:
            raise MissingExtraError("Screenshots", "screen", "mss") from error
        try:
            with mss.MSS() as camera:
                area = self._area(camera.monitors)
                frame = 0
                while True:
                    frame += 1
                    image = from_array(np.asarray(camera.grab(area)))
                    origin = Origin(kind="stream", index=0, count=1, frame=frame)
                    yield [Sample(image=image, path=str(self.number), origin=origin)]
        except ScreenShotError as error:
            raise SourceNotFoundError(f"screen {self.number}: no screenshot can be taken ({error})") from error

    def _area(self, monitors: list[dict[str, int]]) -> dict[str, int]:
        if self.number >= len(monitors):
            raise SourceNotFoundError(f"screen {self.number}: there are only screens 0 (all) to {len(monitors) - 1}")
        monitor = monitors[self.number]
        if self.region is None:
            return monitor
        left, top, width, height = self.region
        return {"left": monitor["left"] + left, "top": monitor["top"] + top, "width": width, "height": height}


def parse_screen(text: str) -> ScreenSource:
    """Read ``screen``, ``screen 1``, ``screen 100 50 640 480`` or ``screen 0 100 50 640 480``.

    Raises:
        SourceValueError: any other form.
    """
    try:
        numbers = [int(word) for word in text.split()[1:]]
    except ValueError as error:
        raise SourceValueError(f"source {text!r} is no screen: {_FORMS}") from error
    if len(numbers) not in (0, 1, 4, 5) or any(n < 0 for n in numbers) or (len(numbers) > 1 and 0 in numbers[-2:]):
        raise SourceValueError(f"source {text!r} is no screen: {_FORMS}")
    number = numbers[0] if len(numbers) in (1, 5) else 0
    if len(numbers) < 4:
        return ScreenSource(number)
    left, top, width, height = numbers[-4:]
    return ScreenSource(number, (left, top, width, height))
