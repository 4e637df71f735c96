"""Scenes: people placed before a background, drawn, and labelled from what is drawn."""

import itertools
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.data.figures.backdrop import SceneSettings, draw_ground, finish, make_backdrop
from posekit.data.figures.person import Figure, random_figure
from posekit.data.figures.render import Keypoints, Layer, Light, draw_layer, hide_behind, own_visibility
from posekit.data.figures.solids import View, unit
from posekit.errors import SettingError, SourceValueError
from posekit.io.source import Source
from posekit.sample import Origin, Picture, Sample

DEFAULTS = SceneSettings()

# A figure stays in the scene if at least this much of it can be seen.
FEWEST_PIXELS = 30
SMALLEST_SHARE = 0.2
FEWEST_KEYPOINTS = 3

# No figure's top lies lower in the picture than this share of its height.
LOWEST_TOP = 0.65

_WORD = "figures"
_DEFAULT_COUNT = 8


@dataclass(frozen=True)
class Drawn:
    """A figure, drawn alone, with its keypoints (17, 3) and mask (H, W) bool of what is seen of it in the scene."""

    figure: Figure
    layer: Layer
    keypoints: Keypoints
    mask: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How the scene is seen: floor edge (a pixel row), look down, tilt (radians), eye height in body heights."""

    horizon: float
    pitch: float
    roll: float
    eye: float


def make_scene(seed: int, settings: SceneSettings = DEFAULTS) -> Sample:
    """Make the scene of a seed: a picture with people, exactly labelled.

    The same seed and settings give the same scene in every process. Another size of the same shape (H : W)
    gives the same composition, scaled, save for figures that become too small to keep, and noise.

    Args:
        seed: 0 or more.
        settings: what the scene looks like.

    Returns:
        A sample with `image`, `boxes` (tight around the seen pixels), `classes` (all 0), `keypoints`
        (N, 17, 3; 2 visible, 1 hidden, 0 with x = y = 0 not labelled), `masks` (seen pixels, disjoint) and
        the path ``figures/<seed>.png``. People are ordered from near to far.

    Raises:
        SettingError: the seed is negative.
    """
    if seed < 0:
        raise SettingError(f"seed {seed} of a scene must be 0 or more")
    layout, surroundings, ground, camera_noise, *people = (
        np.random.default_rng(sequence) for sequence in np.random.SeedSequence(seed).spawn(4 + settings.people[1])
    )
    camera, light = _random_camera(layout, settings), _random_light(layout)
    figures = _place_figures(layout, people, camera, settings)
    seen = see_figures(figures, light, settings.size)
    picture = make_backdrop(surroundings, settings, camera.horizon)
    picture = draw_ground(ground, picture, [drawn.figure for drawn in seen], light)
    for drawn in reversed(seen):
        _lay_over(picture, drawn.layer)
    return Sample(
        image=finish(camera_noise, picture, settings.noise),
        path=f"figures/{seed:06d}.png",
        boxes=np.array([_extent(drawn.mask) for drawn in seen], np.float32).reshape(-1, 4),
        classes=np.zeros(len(seen), np.int64),
        keypoints=np.array([drawn.keypoints for drawn in seen], np.float32).reshape(-1, 17, 3),
        masks=np.array([drawn.mask for drawn in seen], np.bool_).reshape(-1, *settings.size),
    )


def scenes(count: int, seed: int = 0, settings: SceneSettings = DEFAULTS) -> Iterator[Sample]:
    """Yield the scenes of the seeds from `seed` to `seed + count - 1`, each made when asked for."""
    for offset in range(count):
        yield make_scene(seed + offset, settings)


def see_figures(figures: Sequence[Figure], light: Light, size: tuple[int, int]) -> list[Drawn]:
    """Draw figures given from near to far in a picture of `size` (H, W), and keep those of which enough is seen.

    A figure that is left out hides nobody: it is not in the picture at all.
    """
    covered = np.zeros(size, np.bool_)
    seen: list[Drawn] = []
    for figure in figures:
        layer = draw_layer(figure.parts(), figure.view, light, size)
        if layer is None:
            continue
        keypoints = hide_behind(own_visibility(figure.skeleton, figure.view, layer, size), covered)
        mask = np.zeros(size, np.bool_)
        mask[layer.window] = layer.mask & ~covered[layer.window]
        if _enough(mask, layer, keypoints):
            covered |= mask
            seen.append(Drawn(figure, layer, keypoints, mask))
    return seen


def _enough(mask: NDArray[np.bool_], layer: Layer, keypoints: Keypoints) -> bool:
    pixels = int(mask.sum())
    enough_pixels = pixels >= max(FEWEST_PIXELS, SMALLEST_SHARE * int(layer.mask.sum()))
    return enough_pixels and int((keypoints[:, 2] == 2).sum()) >= FEWEST_KEYPOINTS


def _random_camera(rng: np.random.Generator, settings: SceneSettings) -> Camera:
    return Camera(
        horizon=float(rng.uniform(0.12, 0.5)) * settings.size[0],
        pitch=float(np.radians(np.clip(rng.normal(8, 8), -8, 35))),
        roll=float(np.radians(rng.normal(0, 3))),
        eye=float(rng.uniform(0.9, 1.3)),
    )


def _random_light(rng: np.random.Generator) -> Light:
    towards = unit(np.array([rng.uniform(-0.9, 0.9), rng.uniform(-1.0, -0.2), rng.uniform(-1.0, -0.45)]))
    return Light(towards=towards, ambient=float(rng.uniform(0.35, 0.6)), strength=float(rng.uniform(0.4, 0.7)))


def _place_figures(
    rng: np.random.Generator, people: Sequence[np.random.Generator], camera: Camera, settings: SceneSettings
) -> list[Figure]:
    """Draw the scene's people, nearest first: the nearer, the larger and the lower in the picture."""
    height, width = settings.size
    count = int(rng.integers(settings.people[0], settings.people[1] + 1))
    low, high = settings.body_height
    heights = np.sort(np.exp(rng.uniform(np.log(low), np.log(high), count)))[::-1] * min(height, 1.5 * width)
    # Slots side by side, taken in any order and left by up to half their width: some overlap, but no heap.
    places = np.clip((rng.permutation(count) + rng.uniform(-0.5, 1.5, count)) / max(count, 1), 0.03, 0.97)
    ground = camera.horizon + camera.eye * heights + rng.normal(0, 0.04, count) * height
    rows = zip(people, (places * width).tolist(), ground.tolist(), heights.tolist(), strict=False)
    views = (
        (person, View(yaw=0.0, pitch=camera.pitch, roll=camera.roll, scale=tall, x=x, y=y))
        for person, x, y, tall in rows
    )
    return [random_figure(person, view).raised_to(LOWEST_TOP * height) for person, view in views]


def _lay_over(picture: Picture, layer: Layer) -> None:
    """Blend a layer over the picture, in place."""
    window = picture[layer.window]
    keep = 1 - layer.color[3]
    for channel in range(3):
        blend = window[..., channel] * keep + layer.color[channel] + np.float32(0.5)
        window[..., channel] = np.clip(blend, 0, 255)


def _extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 of the True pixels, right and bottom edges included."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


class FigureSource(Source):
    """Pictures of figures in batches, without their labels; the same ones for the same seed of the first."""

    def __init__(self, count: int = _DEFAULT_COUNT, seed: int = 0, *, batch: int = 1) -> None:
        self.count: int = count
        self._seed = seed
        self._batch = batch

    def _batches(self) -> Generator[list[Sample], None, None]:
        scene = enumerate(scenes(self.count, self._seed), start=1)
        while drawn := list(itertools.islice(scene, self._batch)):
            yield [
                Sample(image=made.image, path=made.path, origin=Origin(kind="image", index=index, count=self.count))
                for index, made in drawn
            ]


def is_figures(text: str) -> bool:
    """Tell the word ``figures``, with or without count and seed."""
    return text == _WORD or text.startswith(f"{_WORD}:")


def parse_figures(text: str, batch: int = 1) -> FigureSource:
    """Read ``figures``, ``figures:COUNT`` or ``figures:COUNT:SEED``.

    Raises:
        SourceValueError: count or seed is no number, or the count is 0.
    """
    numbers = text.split(":")[1:]
    if len(numbers) > 2 or not all(number.isdecimal() for number in numbers) or (numbers and int(numbers[0]) == 0):
        raise SourceValueError(
            f"source {text!r}: write figures, figures:COUNT or figures:COUNT:SEED, such as figures:12:3"
        )
    return FigureSource(*(int(number) for number in numbers), batch=batch)
