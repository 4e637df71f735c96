"""The trunk of a figure as parts: chest, belly, pelvis, neck, and the garments on them."""

from posekit.data.figures.anatomy import Skeleton
from posekit.data.figures.looks import Looks
from posekit.data.figures.part import Paint, Part, Widths, clothed
from posekit.data.figures.vectors import Vector, between

EASE = 0.006


def trunk_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
    """Return chest, belly, pelvis and neck in the figure's body frame, clothed."""
    parts = [_neck(skeleton, looks.skin), _collar(skeleton, looks.top), _chest(skeleton, looks.top)]
    belly, pelvis = _belly(skeleton, looks.top), _pelvis(skeleton, looks.bottom)
    if looks.tucked:
        return [*parts, belly, clothed(pelvis, looks.bottom, EASE)]
    return [*parts, clothed(belly, looks.top, EASE), pelvis]


def skirt_parts(skeleton: Skeleton, looks: Looks) -> list[Part]:
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
