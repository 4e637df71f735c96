"""`Looks`: the skin, hair and clothes of one figure, and how they are drawn by lot."""

import colorsys
from dataclasses import dataclass

import numpy as np

from posekit.data.figures.part import Color, Paint
from posekit.data.figures.patterns import PATTERNS

SKIN: tuple[Color, ...] = (
    (196, 214, 240), (172, 196, 232), (150, 178, 220), (128, 160, 205), (104, 138, 188), (86, 118, 166),
    (66, 94, 142), (50, 74, 116), (40, 58, 92), (30, 42, 68),
)  # fmt: skip
HAIR: tuple[Color, ...] = (
    (18, 18, 22), (26, 28, 36), (30, 42, 60), (40, 62, 92), (58, 92, 132), (96, 150, 190), (130, 190, 222),
    (44, 70, 140), (150, 152, 156), (212, 214, 216),
)  # fmt: skip
HAIR_CUTS = ("short", "short", "cropped", "bob", "long", "bun", "tail", "bald", "curly")
HATS = ("none", "none", "none", "none", "cap", "beanie", "brim")
TOP_PATTERNS = ("plain", "plain", "plain", *PATTERNS)
BOTTOM_PATTERNS = ("plain", "plain", "plain", "plain", "fade", "across", "checks")


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How a figure looks; shares run from 0 at the joint nearest the trunk to 1 at the end of two bones.

    Attributes:
        skin, hair, lips, top, bottom, shoes, hat: surfaces.
        hair_cut: one of `HAIR_CUTS`.
        hat_kind: one of `HATS`.
        beard: whether hair covers the jaw.
        sleeve: share of the arm under cloth (0.5 reaches the elbow, 1 the wrist).
        trouser: share of the leg under cloth; with a skirt, how far its hem falls.
        skirt: whether the lower garment is one cone around both legs.
        tucked: whether the top ends inside the lower garment.
    """

    skin: Paint
    hair: Paint
    lips: Paint
    top: Paint
    bottom: Paint
    shoes: Paint
    hat: Paint
    hair_cut: str
    hat_kind: str
    beard: bool
    sleeve: float
    trouser: float
    skirt: bool
    tucked: bool


def random_looks(rng: np.random.Generator) -> Looks:
    """Draw a figure's looks."""
    skin = _palette(rng, SKIN)
    top = _cloth(rng, TOP_PATTERNS)
    skirt = bool(rng.random() < 0.18)
    dress = skirt and rng.random() < 0.5
    return Looks(
        skin=Paint(base=skin),
        hair=Paint(base=_palette(rng, HAIR)),
        lips=Paint(base=_mix(skin, (70, 50, 150), 0.55)),
        top=top,
        bottom=top if dress else _cloth(rng, BOTTOM_PATTERNS),
        shoes=Paint(base=_color(rng)),
        hat=Paint(base=_color(rng)),
        hair_cut=str(rng.choice(HAIR_CUTS)),
        hat_kind=str(rng.choice(HATS)),
        beard=bool(rng.random() < 0.12),
        sleeve=float(rng.choice([0.0, rng.uniform(0.15, 0.42), rng.uniform(0.5, 0.8), 1.0], p=[0.1, 0.4, 0.1, 0.4])),
        trouser=float(rng.choice([rng.uniform(0.22, 0.5), rng.uniform(0.6, 0.85), 1.0], p=[0.28, 0.1, 0.62])),
        skirt=skirt,
        tucked=bool(rng.random() < 0.4),
    )


def _palette(rng: np.random.Generator, tones: tuple[Color, ...]) -> Color:
    """A tone between two neighbours of the palette, slightly shifted."""
    place = rng.uniform(0, len(tones) - 1)
    low = tones[int(place)]
    tone = np.array(_mix(low, tones[min(int(place) + 1, len(tones) - 1)], place % 1)) * rng.normal(1, 0.04, 3)
    return _bgr(tone)


def _mix(first: Color, second: Color, share: float) -> Color:
    return _bgr(np.array(first) * (1 - share) + np.array(second) * share)


def _color(rng: np.random.Generator) -> Color:
    """A colour of cloth: often dark, white or faded, sometimes bright."""
    saturation = rng.choice([rng.uniform(0, 0.15), rng.uniform(0.2, 0.5), rng.uniform(0.5, 0.95)], p=[0.4, 0.3, 0.3])
    value = rng.choice([rng.uniform(0.07, 0.3), rng.uniform(0.3, 0.7), rng.uniform(0.7, 0.98)], p=[0.35, 0.35, 0.3])
    red, green, blue = colorsys.hsv_to_rgb(float(rng.random()), float(saturation), float(value))
    return 255 * blue, 255 * green, 255 * red


def _cloth(rng: np.random.Generator, patterns: tuple[str, ...]) -> Paint:
    return Paint(
        base=_color(rng), second=_color(rng), pattern=str(rng.choice(patterns)), repeats=float(rng.uniform(2.5, 9))
    )


def _bgr(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Color:
    blue, green, red = np.clip(values, 0, 255).tolist()
    return blue, green, red
