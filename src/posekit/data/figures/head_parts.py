"""The head of a figure as parts: skull, face, ears, hair, beard and hat."""

from collections.abc import Callable, Sequence

from posekit.data.figures.anatomy import SIDES, Skeleton
from posekit.data.figures.looks import Looks
from posekit.data.figures.part import Paint, Part, Widths
from posekit.data.figures.vectors import between

EYE_WHITE = Paint(base=(225.0, 228.0, 230.0))
PUPIL = Paint(base=(28.0, 30.0, 34.0))

Offset = tuple[float, float, float]


def head_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
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


def _bald(skeleton: Skeleton, looks: Looks) -> list[Part]:
    return []


def _cropped(skeleton: Skeleton, looks: Looks) -> list[Part]:
    return [_scalp(skeleton, looks.hair, 0.001)]


def _short(skeleton: Skeleton, looks: Looks) -> list[Part]:
    return [_scalp(skeleton, looks.hair, 0.005), _fringe(skeleton, looks.hair)]


def _fringe(skeleton: Skeleton, paint: Paint) -> Part:
    return _solid(skeleton, (0.028, 0.05, 0.026), (-0.028, 0.052, 0.024), 0.02, paint)


def _curly(skeleton: Skeleton, looks: Looks) -> list[Part]:
    return [_scalp(skeleton, looks.hair, 0.02), _fringe(skeleton, looks.hair)]


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


def _no_hat(skeleton: Skeleton, looks: Looks) -> list[Part]:
    return []


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
    "bald": _bald, "cropped": _cropped, "short": _short, "curly": _curly, "bob": _bob, "long": _long,
    "bun": _bun, "tail": _tail,
}  # fmt: skip
UNDER_HAT = {"short": "cropped", "curly": "cropped", "bun": "cropped"}
HAT_PARTS: dict[str, Callable[[Skeleton, Looks], Sequence[Part]]] = {
    "none": _no_hat, "cap": _cap, "beanie": _beanie, "brim": _brim,
}  # fmt: skip
