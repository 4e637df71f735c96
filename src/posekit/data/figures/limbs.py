"""Arms and legs of a figure as parts, with sleeves, trousers and shoes."""

from posekit.data.figures.anatomy import SIDES, Skeleton
from posekit.data.figures.looks import Looks
from posekit.data.figures.part import Paint, Part, Widths, clothed, shortened

SLEEVE_EASE = 0.007
TROUSER_EASE = 0.009

UPPER_ARM: Widths = (0.039, 0.038, 0.034, 0.029)
FOREARM: Widths = (0.029, 0.03, 0.025, 0.019)
THIGH: Widths = (0.06, 0.06, 0.051, 0.041)
SHIN: Widths = (0.039, 0.043, 0.035, 0.024)


def arm_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
    """Return both arms with hands, sleeved by `looks.sleeve`."""
    parts: list[Part] = []
    for side, sign in SIDES:
        upper = _bone(skeleton, f"{side}_shoulder", f"{side}_elbow", f"{side}_upper_arm", UPPER_ARM, looks.skin)
        fore = _bone(skeleton, f"{side}_elbow", f"{side}_wrist", f"{side}_forearm", FOREARM, looks.skin)
        parts += _dressed(upper, fore, looks.sleeve, Paint(base=looks.top.base), SLEEVE_EASE)
        parts += _hand(skeleton, side, sign, looks.skin)
    return parts


def leg_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
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
