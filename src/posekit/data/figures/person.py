"""`Figure`: one person of a scene, with body, pose, looks and place, built of solids."""

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from posekit.data.figures.body import (
    SIDES,
    Pose,
    Proportions,
    Skeleton,
    build_skeleton,
    random_pose,
    random_proportions,
)
from posekit.data.figures.solids import PATTERNS, Color, Paint, Part, Vector, View, Widths, between, clothed, shortened

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

EYE_WHITE = Paint(base=(225.0, 228.0, 230.0))
PUPIL = Paint(base=(28.0, 30.0, 34.0))
Offset = tuple[float, float, float]

UNDER_HAT = {"short": "cropped", "curly": "cropped", "bun": "cropped"}

SLEEVE_EASE = 0.007
TROUSER_EASE = 0.009
UPPER_ARM: Widths = (0.039, 0.038, 0.034, 0.029)
FOREARM: Widths = (0.029, 0.03, 0.025, 0.019)
THIGH: Widths = (0.06, 0.06, 0.051, 0.041)
SHIN: Widths = (0.039, 0.043, 0.035, 0.024)
EASE = 0.006  # of the trunk


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


def _head_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
    """Return the head in the figure's body frame."""
    # A hat presses high hair flat.
    cut = looks.hair_cut if looks.hat_kind == "none" else UNDER_HAT.get(looks.hair_cut, looks.hair_cut)
    hair, hat = HAIR_PARTS[cut](skeleton, looks), HAT_PARTS[looks.hat_kind](skeleton, looks)
    return [*_face(skeleton, looks), *hair, *hat]


def _solid(
    skeleton: Skeleton,
    start: Offset,
    end: Offset,
    widths: Widths | float,
    paint: Paint,
    flat: float = 1.0,
    cap: float = 1.0,
) -> Part:
    """A part given in the head's own axes (left, up, forward) from its centre, at adult size."""
    size, frame, centre = skeleton.proportions.head, skeleton.frames["head"], skeleton.points["head"]
    w0, w1, w2, w3 = (widths,) * 4 if isinstance(widths, float) else widths
    return Part(
        start=centre + frame @ start * size,
        end=centre + frame @ end * size,
        side=frame[:, 0],
        widths=(w0 * size, w1 * size, w2 * size, w3 * size),
        flat=flat,
        cap=cap,
        paint=paint,
    )


def _face(skeleton: Skeleton, looks: Looks) -> list[Part]:
    skin = looks.skin
    parts = [
        _solid(skeleton, (0, 0.024, -0.002), (0, -0.034, 0.008), (0.0505, 0.0505, 0.044, 0.031), skin, flat=1.14),
        _solid(skeleton, (0, 0.008, 0.053), (0, -0.014, 0.0575), (0.005, 0.006, 0.0085, 0.0095), skin),
        _solid(skeleton, (0.012, -0.037, 0.0405), (-0.012, -0.037, 0.0405), 0.0046, looks.lips),
    ]
    for _, sign in SIDES:
        x = sign * 0.020
        parts += [
            _solid(skeleton, (x - 0.004, 0.010, 0.0495), (x + 0.004, 0.010, 0.0495), 0.0064, EYE_WHITE),
            _solid(skeleton, (x, 0.010, 0.0525), (x, 0.0095, 0.0525), 0.0049, PUPIL),
            _solid(skeleton, (sign * 0.010, 0.024, 0.0525), (sign * 0.030, 0.023, 0.0455), 0.0044, looks.hair),
            _solid(skeleton, (sign * 0.048, 0.010, -0.004), (sign * 0.047, -0.012, -0.002), 0.0105, skin, flat=1.2),
        ]
    if looks.beard:
        beard = (0.046, 0.045, 0.038, 0.026)
        parts.append(_solid(skeleton, (0, -0.02, 0.003), (0, -0.048, 0.014), beard, looks.hair, flat=1.05))
    return parts


def _scalp(skeleton: Skeleton, paint: Paint, thickness: float) -> Part:
    """Hair over the top and back of the skull; the face shows where the skull comes through."""
    width = 0.0515 + thickness
    # Thick hair sits farther back, or it would hide the face.
    return _solid(skeleton, (0, 0.028, -0.014 - thickness), (0, -0.002, -0.022 - thickness), width, paint, flat=1.06)


def _fringe(skeleton: Skeleton, paint: Paint) -> Part:
    return _solid(skeleton, (0.028, 0.05, 0.026), (-0.028, 0.052, 0.024), 0.02, paint)


def _bob(skeleton: Skeleton, looks: Looks) -> list[Part]:
    curtains = [
        _solid(
            skeleton, (s * 0.045, 0.03, -0.004), (s * 0.046, -0.045, -0.006), (0.016, 0.018, 0.019, 0.017), looks.hair
        )
        for _, s in SIDES
    ]
    back = _solid(skeleton, (0, 0.01, -0.03), (0, -0.045, -0.03), (0.05, 0.05, 0.048, 0.044), looks.hair, flat=0.7)
    return [_scalp(skeleton, looks.hair, 0.005), *curtains, back]


def _long(skeleton: Skeleton, looks: Looks) -> list[Part]:
    shoulders = between(skeleton.points["chest"], skeleton.points["waist"], 0.25)
    behind = shoulders - skeleton.frames["chest"][:, 2] * 0.068
    top = skeleton.points["head"] + skeleton.frames["head"] @ (0.0, -0.01, -0.035)
    size = skeleton.proportions.head
    fall = Part(
        start=top,
        end=behind,
        side=skeleton.frames["head"][:, 0],
        widths=(0.05 * size, 0.052 * size, 0.05 * size, 0.036 * size),
        flat=0.5,
        cap=0.6,
        paint=looks.hair,
    )
    return [*_bob(skeleton, looks), fall]


def _bun(skeleton: Skeleton, looks: Looks) -> list[Part]:
    return [
        _scalp(skeleton, looks.hair, 0.003),
        _solid(skeleton, (0, 0.05, -0.06), (0, 0.052, -0.062), 0.027, looks.hair),
    ]


def _tail(skeleton: Skeleton, looks: Looks) -> list[Part]:
    tail = _solid(skeleton, (0, 0.03, -0.07), (0, -0.09, -0.085), (0.014, 0.022, 0.02, 0.008), looks.hair)
    return [_scalp(skeleton, looks.hair, 0.003), tail]


def _crown(skeleton: Skeleton, paint: Paint) -> Part:
    return _solid(
        skeleton, (0, 0.066, -0.006), (0, 0.034, -0.006), (0.044, 0.053, 0.058, 0.059), paint, flat=1.14, cap=0.4
    )


def _cap(skeleton: Skeleton, looks: Looks) -> list[Part]:
    peak = _solid(
        skeleton, (0, 0.038, 0.04), (0, 0.028, 0.098), (0.045, 0.047, 0.042, 0.028), looks.hat, flat=0.14, cap=0.3
    )
    return [_crown(skeleton, looks.hat), peak]


def _beanie(skeleton: Skeleton, looks: Looks) -> list[Part]:
    ball = _solid(skeleton, (0, 0.094, -0.012), (0, 0.096, -0.012), 0.014, looks.hat)
    return [_crown(skeleton, looks.hat), ball]


def _brim(skeleton: Skeleton, looks: Looks) -> list[Part]:
    brim = _solid(skeleton, (0, 0.04, -0.006), (0, 0.032, -0.006), 0.095, looks.hat, cap=0.05)
    return [_crown(skeleton, looks.hat), brim]


HAIR_PARTS: dict[str, Callable[[Skeleton, Looks], Sequence[Part]]] = {
    "bald": lambda skeleton, looks: [],
    "cropped": lambda skeleton, looks: [_scalp(skeleton, looks.hair, 0.001)],
    "short": lambda skeleton, looks: [_scalp(skeleton, looks.hair, 0.005), _fringe(skeleton, looks.hair)],
    "curly": lambda skeleton, looks: [_scalp(skeleton, looks.hair, 0.02), _fringe(skeleton, looks.hair)],
    "bob": _bob,
    "long": _long,
    "bun": _bun,
    "tail": _tail,
}


HAT_PARTS: dict[str, Callable[[Skeleton, Looks], Sequence[Part]]] = {
    "none": lambda skeleton, looks: [],
    "cap": _cap,
    "beanie": _beanie,
    "brim": _brim,
}


def _arm_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
    """Return both arms with hands, sleeved by `looks.sleeve`."""
    parts: list[Part] = []
    for side, sign in SIDES:
        upper = _bone(skeleton, f"{side}_shoulder", f"{side}_elbow", f"{side}_upper_arm", UPPER_ARM, looks.skin)
        fore = _bone(skeleton, f"{side}_elbow", f"{side}_wrist", f"{side}_forearm", FOREARM, looks.skin)
        parts += _dressed(upper, fore, looks.sleeve, Paint(base=looks.top.base), SLEEVE_EASE)
        parts += _hand(skeleton, side, sign, looks.skin)
    return parts


def _leg_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
    """Return both legs with feet: in trousers by `looks.trouser`, bare under a skirt."""
    parts: list[Part] = []
    for side, _ in SIDES:
        thigh = _bone(skeleton, f"{side}_hip", f"{side}_knee", f"{side}_thigh", THIGH, looks.skin)
        shin = _bone(skeleton, f"{side}_knee", f"{side}_ankle", f"{side}_shin", SHIN, looks.skin)
        parts += _dressed(thigh, shin, 0.0 if looks.skirt else looks.trouser, looks.bottom, TROUSER_EASE)
        parts.append(_foot(skeleton, side, looks.shoes))
    return parts


def _bone(skeleton: Skeleton, start: str, end: str, frame: str, widths: Widths, paint: Paint) -> Part:
    girth = skeleton.proportions.girth
    w0, w1, w2, w3 = (width * girth for width in widths)
    return Part(
        start=skeleton.points[start],
        end=skeleton.points[end],
        side=skeleton.frames[frame][:, 0],
        widths=(w0, w1, w2, w3),
        paint=paint,
    )


def _dressed(upper: Part, lower: Part, share: float, cloth: Paint, ease: float) -> list[Part]:
    """Dress a limb of two bones from its root down to `share` of its length."""
    above, below = min(2 * share, 1.0), max(2 * share - 1.0, 0.0)
    return [*_sleeved(upper, above, cloth, ease), *_sleeved(lower, below, cloth, ease)]


def _sleeved(bone: Part, share: float, cloth: Paint, ease: float) -> list[Part]:
    if share <= 0.02:
        return [bone]
    if share >= 0.98:
        return [clothed(bone, cloth, ease)]
    return [bone, shortened(clothed(bone, cloth, ease), share)]


def _hand(skeleton: Skeleton, side: str, sign: float, skin: Paint) -> list[Part]:
    points, frame = skeleton.points, skeleton.frames[f"{side}_forearm"]
    wrist, fingers = points[f"{side}_wrist"], points[f"{side}_fingers"]
    palm = Part(
        start=wrist,
        end=fingers,
        side=frame[:, 2],
        widths=(0.017, 0.025, 0.024, 0.012),
        flat=0.5,
        cap=0.8,
        paint=skin,
    )
    thumb = Part(
        start=wrist - frame[:, 1] * 0.015,
        end=wrist + frame @ (-sign * 0.012, -0.045, 0.03),
        side=frame[:, 2],
        widths=(0.011, 0.01, 0.009, 0.008),
        paint=skin,
    )
    return [palm, thumb]


def _foot(skeleton: Skeleton, side: str, shoes: Paint) -> Part:
    points = skeleton.points
    return Part(
        start=points[f"{side}_heel"],
        end=points[f"{side}_toes"],
        side=skeleton.frames[f"{side}_shin"][:, 0],
        widths=(0.028, 0.031, 0.033, 0.024),
        flat=0.85,
        cap=0.8,
        paint=shoes,
    )


def _trunk_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
    """Return chest, belly, pelvis and neck in the figure's body frame, clothed."""
    parts = [_neck(skeleton, looks.skin), _collar(skeleton, looks.top), _chest(skeleton, looks.top)]
    belly, pelvis = _belly(skeleton, looks.top), _pelvis(skeleton, looks.bottom)
    if looks.tucked:
        return [*parts, belly, clothed(pelvis, looks.bottom, EASE)]
    return [*parts, clothed(belly, looks.top, EASE), pelvis]


def _skirt_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
    """Return the skirt: a cone from the hips down between the thighs."""
    points, body, pelvis = skeleton.points, skeleton.proportions, skeleton.frames["pelvis"]
    share = 0.55 + 0.45 * looks.trouser
    knees = between(points["left_knee"], points["right_knee"], 0.5)
    apart = 0.5 * abs(float((points["left_knee"] - points["right_knee"]) @ pelvis[:, 0]))
    # Wide enough for the thighs, which lie `body.hip` from the middle above and `apart` below.
    hips = body.hip + 0.07 * body.girth
    hem = max(body.hip + (apart - body.hip) * share, 0.03) + 0.072 * body.girth
    start = points["pelvis"] + pelvis[:, 1] * 0.03
    return [
        Part(
            start=start,
            end=between(start, knees, share),
            side=pelvis[:, 0],
            widths=(0.95 * hips, 0.67 * hips + 0.33 * hem, 0.33 * hips + 0.67 * hem, hem),
            flat=0.8,
            cap=0.15,
            paint=looks.bottom,
        )
    ]


def _scaled(skeleton: Skeleton, widths: Widths) -> Widths:
    body = skeleton.proportions
    # Breadth follows the bones as well as the girth.
    bones = 0.5 * (body.shoulder / 0.108 + body.girth)
    w0, w1, w2, w3 = (width * bones for width in widths)
    return w0, w1, w2, w3


def _trunk_part(skeleton: Skeleton, frame: str, ends: tuple[Vector, Vector], widths: Widths, paint: Paint) -> Part:
    return Part(
        start=ends[0],
        end=ends[1],
        side=skeleton.frames[frame][:, 0],
        widths=_scaled(skeleton, widths),
        flat=min(0.64 * skeleton.proportions.girth, 0.95),
        cap=0.35,
        paint=paint,
    )


def _chest(skeleton: Skeleton, paint: Paint) -> Part:
    up = skeleton.frames["chest"][:, 1]
    start = skeleton.points["chest"] - up * 0.008
    return _trunk_part(
        skeleton, "chest", (start, skeleton.points["waist"] - up * 0.02), (0.092, 0.117, 0.106, 0.094), paint
    )


def _belly(skeleton: Skeleton, paint: Paint) -> Part:
    up = skeleton.frames["pelvis"][:, 1]
    ends = (skeleton.points["waist"] + up * 0.02, skeleton.points["pelvis"] - up * 0.015)
    return _trunk_part(skeleton, "pelvis", ends, (0.092, 0.093, 0.099, 0.103), paint)


def _pelvis(skeleton: Skeleton, paint: Paint) -> Part:
    up = skeleton.frames["pelvis"][:, 1]
    ends = (skeleton.points["waist"] - up * 0.035, skeleton.points["pelvis"] - up * 0.03)
    return _trunk_part(skeleton, "pelvis", ends, (0.092, 0.099, 0.103, 0.1), paint)


def _neck(skeleton: Skeleton, paint: Paint) -> Part:
    girth = skeleton.proportions.girth
    return Part(
        start=skeleton.points["chest"],
        end=between(skeleton.points["throat"], skeleton.points["head"], 0.55),
        side=skeleton.frames["chest"][:, 0],
        widths=(0.04 * girth, 0.034 * girth, 0.031 * girth, 0.031 * girth),
        paint=paint,
    )


def _collar(skeleton: Skeleton, paint: Paint) -> Part:
    """The slope from the neck to both shoulders."""
    points, up = skeleton.points, skeleton.frames["chest"][:, 1]
    return Part(
        start=between(points["left_shoulder"], points["right_shoulder"], 0.1) + up * 0.006,
        end=between(points["left_shoulder"], points["right_shoulder"], 0.9) + up * 0.006,
        side=up,
        widths=(0.03, 0.05, 0.05, 0.03),
        flat=1.05,
        paint=Paint(base=paint.base),
    )


@dataclass(frozen=True)
class Figure:
    """One person: body, joint angles, looks, and its place in the picture with the side from which it is seen."""

    proportions: Proportions
    pose: Pose
    looks: Looks
    view: View

    @cached_property
    def skeleton(self) -> Skeleton:
        """The joints in the figure's body frame."""
        return build_skeleton(self.proportions, self.pose)

    def raised_to(self, lowest_top: float) -> "Figure":
        """Return the figure, moved up if its top lies below the pixel row `lowest_top`."""
        top = float(self.view.project(self.skeleton.keypoints())[:, 1].min())
        if top <= lowest_top:
            return self
        return replace(self, view=replace(self.view, y=self.view.y - (top - lowest_top)))

    def parts(self) -> list[Part]:
        """Return all solid pieces in the figure's body frame."""
        skirt = _skirt_parts(self.skeleton, self.looks) if self.looks.skirt else []
        return [
            *_leg_parts(self.skeleton, self.looks),
            *skirt,
            *_trunk_parts(self.skeleton, self.looks),
            *_arm_parts(self.skeleton, self.looks),
            *_head_parts(self.skeleton, self.looks),
        ]


def random_figure(rng: np.random.Generator, place: View) -> Figure:
    """Draw a person, and put it in its place, turned to any side: `place.yaw` does not count."""
    return Figure(
        proportions=random_proportions(rng),
        pose=random_pose(rng),
        looks=random_looks(rng),
        view=replace(place, yaw=_random_yaw(rng)),
    )


def _random_yaw(rng: np.random.Generator) -> float:
    """Most people face the camera roughly, a fifth show the back, the rest stand anyhow; radians."""
    front, back, any_way = rng.normal(0, 0.6), rng.normal(np.pi, 0.6), rng.uniform(-np.pi, np.pi)
    return float(rng.choice([front, back, any_way], p=[0.48, 0.2, 0.32]))
