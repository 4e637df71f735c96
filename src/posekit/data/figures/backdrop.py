"""The background of a scene: wall or sky, floor, clutter and blur."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from posekit.data.figures.person import Figure
from posekit.data.figures.render import Light
from posekit.data.figures.solids import Vector, View
from posekit.errors import SettingError
from posekit.sample import Floats, Picture

SUBPIXEL_BITS = 4

Rng = np.random.Generator
Size = tuple[int, int]
Texture = Callable[[Rng, Size], Picture]

MIN_SIDE = 32

# Shadows are soft, so a quarter of the resolution is enough to draw them.
COARSE = 4

# Landmarks lower than this, in body units, cast the contact shadow.
NEAR_GROUND = 0.22


def _fixed_point(points: Vector) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return picture points (N, 2) as OpenCV's fixed-point integers, with pixel centres at whole numbers."""
    return np.rint((points - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _fill_polygon(picture: Picture, points: Vector, color: Floats) -> None:
    """Fill the polygon (N, 2), in pixels, with a BGR colour, in place."""
    cv2.fillPoly(picture, [_fixed_point(points)], color.tolist(), cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_box(picture: Picture, view: View, low: Vector, high: Vector, color: Floats) -> None:
    """Draw the axis-parallel box from `low` to `high` (3,), in the view's body frame and units, in place."""
    corners = np.array([low, high])
    for axis, end in itertools.product(range(3), range(2)):
        outward = np.zeros(3)
        outward[axis] = 1.0 if end else -1.0
        facing = -float(view.direct(outward)[2])
        if facing <= 0:
            continue
        face = _face(corners, axis, end)
        # Faces differ in brightness: the top most, then the more they face the camera.
        light = 1.0 if axis == 1 else 0.5 + 0.4 * facing
        _fill_polygon(picture, view.project(face)[:, :2], color * np.float32(light))


def _face(corners: Vector, axis: int, end: int) -> Vector:
    """(4, 3) corners, in turn, of the face at `corners[end]` across `axis`."""
    others = [other for other in range(3) if other != axis]
    face = np.empty((4, 3))
    face[:, axis] = corners[end, axis]
    face[:, others[0]] = corners[[0, 1, 1, 0], others[0]]
    face[:, others[1]] = corners[[0, 0, 1, 1], others[1]]
    return face


def _random_color(rng: Rng) -> Floats:
    """Return one BGR colour (3,) in 0..255: greyish more often than bright."""
    grey = rng.uniform(25, 235)
    return np.clip(grey + rng.normal(0, rng.choice([6, 14, 34]), 3), 5, 250).astype(np.float32)


def _two_colors(rng: Rng) -> tuple[Floats, Floats]:
    """Return two related BGR colours (3,)."""
    first = _random_color(rng)
    second = np.clip(first * rng.uniform(0.6, 1.45) + rng.normal(0, 18, 3), 5, 250)
    return first, second.astype(np.float32)


def _mix(weight: Floats, first: Floats, second: Floats) -> Picture:
    """Return the (H, W, 3) uint8 blend of two BGR colours by a weight (H, W) in [0, 1]."""
    level = np.clip(weight * 255, 0, 255).astype(np.uint8)
    ramp = np.linspace(first, second, 256).astype(np.uint8)
    table = ramp.reshape(256, 1, 3)
    return cv2.LUT(cv2.merge([level, level, level]), table).astype(np.uint8, copy=False)


def _grid(size: Size) -> tuple[Floats, Floats]:
    """Return x (1, W) and y (H, 1), pixel centres in units of the smaller side."""
    height, width = size
    unit = np.float32(1 / min(height, width))
    x = (np.arange(width, dtype=np.float32) + 0.5) * unit
    y = (np.arange(height, dtype=np.float32) + 0.5) * unit
    return x[None], y[:, None]


def _plain(rng: Rng, size: Size) -> Picture:
    """One colour."""
    return np.full((*size, 3), _random_color(rng), np.uint8)


def _gradient(rng: Rng, size: Size) -> Picture:
    """A slope between two colours in any direction."""
    x, y = _grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    slope = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    return _mix((slope - slope.min()) / max(float(np.ptp(slope)), 1e-6), *_two_colors(rng))


def _clouds(rng: Rng, size: Size) -> Picture:
    """Noise of several scales, smooth to rough."""
    height, width = size
    field = np.zeros(size, np.float32)
    strength, cells = 1.0, float(rng.uniform(2, 6))
    roughness = rng.uniform(0.4, 0.8)
    for _ in range(4):
        rows, columns = (max(round(cells * side / min(size)), 2) for side in size)
        octave = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        field += np.float32(strength) * cv2.resize(octave, (width, height), interpolation=cv2.INTER_LINEAR)
        strength, cells = strength * roughness, cells * 2.6
    return _mix(field * np.float32(0.35) + np.float32(0.5), *_two_colors(rng))


def _stripes(rng: Rng, size: Size) -> Picture:
    """Parallel stripes, hard or soft."""
    x, y = _grid(size)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    waves = np.float32(2 * np.pi * rng.uniform(3, 16))
    wave = np.sin((x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * waves)
    return _mix(wave * np.float32(rng.choice([0.5, 4])) + np.float32(0.5), *_two_colors(rng))


def _tiles(rng: Rng, size: Size) -> Picture:
    """A chequered or grouted grid."""
    x, y = _grid(size)
    cells = rng.uniform(3, 12)
    columns, rows = x * np.float32(cells), y * np.float32(cells * rng.choice([1, 1.6]))
    if rng.random() < 0.5:
        return _mix(((np.floor(columns) + np.floor(rows)) % 2).astype(np.float32), *_two_colors(rng))
    joint = np.float32(rng.uniform(0.03, 0.1))
    return _mix(((columns % 1 < joint) | (rows % 1 < joint)).astype(np.float32), *_two_colors(rng))


def _bricks(rng: Rng, size: Size) -> Picture:
    """Rows of bricks, each row shifted by half a brick."""
    x, y = _grid(size)
    rows = y * np.float32(rng.uniform(7, 18))
    columns = x * np.float32(rng.uniform(3, 7)) + (np.floor(rows) % 2) * np.float32(0.5)
    return _mix(((columns % 1 < 0.06) | (rows % 1 < 0.13)).astype(np.float32), *_two_colors(rng))


def _planks(rng: Rng, size: Size) -> Picture:
    """A floor of boards or slabs that run towards a vanishing point at the top edge."""
    x, y = _grid(size)
    distance = 1 / (y + np.float32(0.12))
    across = (x - np.float32(rng.uniform(0, size[1] / min(size)))) * distance * np.float32(rng.uniform(1, 4))
    along = np.log(distance) * np.float32(rng.uniform(2, 6))
    if rng.random() < 0.4:
        return _mix(((np.floor(across) + np.floor(along)) % 2).astype(np.float32), *_two_colors(rng))
    shade = np.sin(np.floor(across) * np.float32(12.9)) * np.float32(0.5) + np.float32(0.5)
    return _mix(np.broadcast_to(shade, size) * (across % 1 > 0.05), *_two_colors(rng))


WALLS: tuple[Texture, ...] = (_plain, _gradient, _gradient, _clouds, _clouds, _stripes, _tiles, _bricks)
FLOORS: tuple[Texture, ...] = (_plain, _gradient, _clouds, _clouds, _planks, _planks, _tiles)


def _draw_clutter(rng: Rng, picture: Picture, count: int, horizon: float) -> None:
    """Draw `count` random things in place, standing on or hanging above the `horizon` (a pixel row)."""
    for _ in range(count):
        THINGS[int(rng.integers(len(THINGS)))](rng, picture, horizon)


def _spot(rng: Rng, picture: Picture, horizon: float) -> tuple[float, float, float]:
    """Return x and y of a place on the floor, and the unit of size there, in pixels."""
    height, width = picture.shape[:2]
    share = rng.uniform(0, 1) ** 2
    y = horizon + share * (height - horizon)
    return rng.uniform(-0.05, 1.05) * width, y, (0.25 + 0.75 * share) * min(height, width)


def _furniture(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    view = View(yaw=rng.uniform(-0.8, 0.8), pitch=rng.uniform(0.1, 0.4), roll=0.0, scale=unit, x=x, y=y)
    half = np.array([rng.uniform(0.06, 0.35), rng.uniform(0.1, 0.6), rng.uniform(0.06, 0.25)])
    color = _random_color(rng)
    _draw_box(picture, view, half * (-1, 0, -1), half, color)
    shelves = int(rng.integers(0, 4))
    for level in np.linspace(0, 1, shelves + 2)[1:-1]:
        line = np.array([[-half[0], half[1] * level, half[2]], [half[0], half[1] * level, half[2]]])
        _line(picture, view.project(line)[:, :2], max(unit * 0.01, 1), color * np.float32(0.55))


def _table(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    view = View(yaw=rng.uniform(-0.8, 0.8), pitch=rng.uniform(0.1, 0.35), roll=0.0, scale=unit, x=x, y=y)
    wide, high, deep = rng.uniform(0.15, 0.45), rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.25)
    color = _random_color(rng)
    leg = np.array([0.02, 0.0, 0.02])
    for sx, sz in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        foot = np.array([sx * wide * 0.9, 0.0, sz * deep * 0.9])
        _draw_box(picture, view, foot - leg, foot + leg + (0, high, 0), color * np.float32(0.75))
    _draw_box(picture, view, np.array([-wide, high, -deep]), np.array([wide, high + 0.04, deep]), color)


def _line(picture: Picture, ends: Vector, width: float, color: Floats) -> None:
    (x0, y0), (x1, y1) = _fixed_point(ends).tolist()
    cv2.line(picture, (x0, y0), (x1, y1), color.tolist(), max(round(width), 1), cv2.LINE_AA, SUBPIXEL_BITS)


def _disc(picture: Picture, x: float, y: float, radii: tuple[float, float], color: Floats) -> None:
    (center,) = _fixed_point(np.array([[x, y]])).tolist()
    axes = tuple(round(max(radius, 0.5) * (1 << SUBPIXEL_BITS)) for radius in radii)
    cv2.ellipse(picture, center, axes, 0, 0, 360, color.tolist(), -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _pole(rng: Rng, picture: Picture, horizon: float) -> None:
    """A lamp post or a hat stand: as slim and as tall as a person."""
    x, y, unit = _spot(rng, picture, horizon)
    high, color = rng.uniform(0.5, 1.4) * unit, _random_color(rng)
    width = unit * rng.uniform(0.012, 0.05)
    _line(picture, np.array([[x, y], [x, y - high]]), width, color)
    if rng.random() < 0.6:
        radius = unit * rng.uniform(0.03, 0.09)
        _disc(picture, x, y - high, (radius, radius * rng.uniform(0.7, 1.3)), _random_color(rng))


def _tree(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    high = rng.uniform(0.4, 1.0) * unit
    _line(picture, np.array([[x, y], [x, y - high]]), unit * 0.06, np.array([40, 60, 80], np.float32))
    crown = np.array([rng.uniform(20, 70), rng.uniform(70, 140), rng.uniform(30, 90)])
    for _ in range(6):
        radius = unit * rng.uniform(0.08, 0.2)
        place = rng.normal(0, 0.12 * unit, 2)
        tone = (crown * rng.uniform(0.7, 1.2)).astype(np.float32)
        _disc(picture, x + place[0], y - high + place[1], (radius, radius * 0.85), tone)


def _frame(rng: Rng, picture: Picture, horizon: float) -> None:
    """A window, poster or screen on the wall."""
    height, width = picture.shape[:2]
    centre = np.array([rng.uniform(0, 1) * width, rng.uniform(0.1, 0.9) * max(horizon, 0.3 * height)])
    half = rng.uniform(0.05, 0.2, 2) * min(height, width)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    _fill_polygon(picture, centre + corners * half, _random_color(rng))
    _fill_polygon(picture, centre + corners * half * rng.uniform(0.75, 0.93), _random_color(rng))
    if rng.random() < 0.5:
        _line(picture, centre + half * [[0, -1], [0, 1]], half[0] * 0.08, _random_color(rng))


def _polygon(rng: Rng, picture: Picture, horizon: float) -> None:
    height, width = picture.shape[:2]
    corners = int(rng.integers(3, 7))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(0.04, 0.3) * min(height, width) * rng.uniform(0.5, 1, corners)
    outline = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], 1)
    _fill_polygon(picture, rng.uniform(0, 1, 2) * (width, height) + outline, _random_color(rng))


def _ball(rng: Rng, picture: Picture, horizon: float) -> None:
    x, y, unit = _spot(rng, picture, horizon)
    radius, color = unit * rng.uniform(0.03, 0.12), _random_color(rng)
    for share, tone in ((1.0, 0.6), (0.85, 0.8), (0.6, 1.0), (0.3, 1.15)):
        shift = (1 - share) * 0.35 * radius
        tint = np.minimum(color * np.float32(tone), 255).astype(np.float32)
        _disc(picture, x - shift, y - radius - shift, (radius * share, radius * share), tint)


THINGS: tuple[Callable[[Rng, Picture, float], None], ...] = (
    _furniture, _furniture, _table, _pole, _pole, _tree, _frame, _frame, _polygon, _ball,
)  # fmt: skip


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


def make_backdrop(rng: np.random.Generator, settings: SceneSettings, horizon: float) -> Picture:
    """Return the (H, W, 3) uint8 BGR background of a scene whose floor begins at pixel row `horizon`."""
    picture = WALLS[int(rng.integers(len(WALLS)))](rng, settings.size)
    floor = FLOORS[int(rng.integers(len(FLOORS)))]
    row = round(horizon)
    # One scene in five has no visible edge between wall and floor.
    if rng.random() < 0.8 and settings.size[0] - row >= 2:
        picture[row:] = floor(rng, (settings.size[0] - row, settings.size[1]))
    low, high = settings.clutter
    _draw_clutter(rng, picture, int(rng.integers(low, high + 1)), horizon)
    sigma = float(rng.choice([0.0, rng.uniform(0.001, 0.012)], p=[0.4, 0.6])) * min(settings.size)
    return blurred(picture, sigma)


def blurred(picture: Picture, sigma: float) -> Picture:
    """Return the picture under a Gaussian blur of `sigma` pixels; below 0.3 it is returned as it is."""
    if sigma < 0.3:
        return picture
    return cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.uint8, copy=False)


def draw_ground(rng: np.random.Generator, picture: Picture, figures: Sequence[Figure], light: Light) -> Picture:
    """Return the picture with seats and shadows of the figures on it; the figures are drawn later."""
    for figure in figures:
        seat_color = _random_color(rng)
        if figure.pose.seated:
            _draw_seat(picture, figure, seat_color)
    return _shaded(picture, figures, light, strength=float(rng.uniform(0.2, 0.6)))


def _draw_seat(picture: Picture, figure: Figure, color: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    body = figure.skeleton.proportions
    top = float(figure.skeleton.points["pelvis"][1]) - 0.075 * body.girth
    low, high = np.array([-0.15, 0.0, -0.14]), np.array([0.15, max(top, 0.02), 0.12])
    _draw_box(picture, figure.view, low, high, color)


def _shaded(picture: Picture, figures: Sequence[Figure], light: Light, strength: float) -> Picture:
    height, width = picture.shape[:2]
    shape = (-(-height // COARSE), -(-width // COARSE))
    shadow = np.zeros(shape, np.float32)
    for figure in figures:
        _add_shadow(shadow, figure, light, strength)
    if not shadow.any():
        return picture
    shadow = cv2.GaussianBlur(shadow, (0, 0), max(0.012 * min(shape), 0.5))
    keep = 1 - cv2.resize(shadow, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(picture, cv2.merge([keep, keep, keep]), dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def _add_shadow(
    shadow: np.ndarray[tuple[int, ...], np.dtype[np.float32]], figure: Figure, light: Light, strength: float
) -> None:
    points = np.stack(list(figure.skeleton.points.values()))
    feet = points[points[:, 1] < points[:, 1].min() + NEAR_GROUND] * (1, 0, 1)
    spread = figure.view.project(feet)
    left, right = spread[:, 0].min(), spread[:, 0].max()
    reach = 0.07 * figure.view.scale
    # The shadow falls to the side away from the light.
    away = -0.1 * float(light.towards[0]) * figure.view.scale
    centre = np.array([(left + right) / 2 + away, spread[:, 1].mean() + 0.2 * reach]) / COARSE
    axes = np.array([(right - left) / 2 + reach, np.ptp(spread[:, 1]) / 2 + 0.45 * reach]) / COARSE
    lift = strength / (1 + 6 * figure.pose.lift)
    cv2.ellipse(
        shadow,
        tuple(np.rint(centre * 16).astype(int).tolist()),
        tuple(np.rint(axes * 16).astype(int).tolist()),
        0, 0, 360, lift, -1, cv2.LINE_8, 4,
    )  # fmt: skip


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
