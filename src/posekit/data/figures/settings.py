"""`SceneSettings`: what kind of scenes the generator makes."""

from dataclasses import dataclass

from posekit.errors import SettingError

MIN_SIDE = 32


@dataclass(frozen=True, kw_only=True)
class SceneSettings:
    """What a made scene looks like; two scenes of the same seed and settings are the same.

    Attributes:
        size: (H, W) of the picture in pixels, each at least 32.
        people: fewest and most figures placed in a scene. Figures that end up nearly hidden or nearly
            outside the picture are left out, so fewer may be seen.
        body_height: smallest and largest standing height of a figure, as a share of the picture's
            reference side min(H, 1.5 W).
        clutter: fewest and most things (blocks, poles, polygons) in the background.
        noise: largest standard deviation of the camera noise, in grey levels of 0..255.

    Raises:
        SettingError: a value is outside its range, or a pair is not ordered.
    """

    size: tuple[int, int] = (480, 640)
    people: tuple[int, int] = (1, 5)
    body_height: tuple[float, float] = (0.3, 1.1)
    clutter: tuple[int, int] = (2, 12)
    noise: float = 9.0

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < MIN_SIDE:
            raise SettingError(
                f"size {self.size} of a scene must be (height, width) with at least {MIN_SIDE} pixels each"
            )
        _check_pair("people", self.people, 0, 50)
        _check_pair("body_height", self.body_height, 0.05, 4)
        _check_pair("clutter", self.clutter, 0, 200)
        if not 0 <= self.noise <= 64:
            raise SettingError(f"noise {self.noise} of a scene must be from 0 to 64 grey levels")


def _check_pair(name: str, pair: tuple[float, float], low: float, high: float) -> None:
    if len(pair) != 2 or not low <= pair[0] <= pair[1] <= high:
        raise SettingError(f"{name} {pair} of a scene must be (smallest, largest) between {low} and {high}")
