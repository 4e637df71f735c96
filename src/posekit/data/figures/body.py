"""Anatomy: body proportions, and the joints of a body in a given pose."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posekit.data.figures.solids import Matrix, Vector, turn_x, turn_y, turn_z
from posekit.schema.schema import COCO_PERSON

Angles = NDArray[np.float64]

SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Joint angles in radians; all zero is standing straight with hanging arms.

    Attributes:
        root: (2,) pitch forward and roll to the left of the whole body.
        spine: (3,) bend forward, lean to the left, twist to the left, at the waist.
        head: (3,) nod forward, tilt to the left, turn to the left.
        arms: (2, 4) left and right: raised forward, raised sideways, turned inward, elbow bent.
        legs: (2, 4) left and right: raised forward, spread sideways, turned inward, knee bent.
        lift: height of the lowest point above the ground, in body heights (jumping).
        seated: whether a seat carries the figure.
    """

    root: Angles
    spine: Angles
    head: Angles
    arms: Angles
    legs: Angles
    lift: float = 0.0
    seated: bool = False


def random_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose: the kind by its weight in `POSES`, then its angles, then a left-right mirror."""
    weights = np.array([weight for weight, _ in POSES])
    make = POSES[int(rng.choice(len(POSES), p=weights / weights.sum()))][1]
    pose = make(rng)
    return mirrored(pose) if rng.random() < 0.5 else pose


def mirrored(pose: Pose) -> Pose:
    """Return the pose with left and right exchanged."""
    return replace(
        pose,
        root=pose.root * (1, -1),
        spine=pose.spine * (1, -1, -1),
        head=pose.head * (1, -1, -1),
        arms=pose.arms[::-1],
        legs=pose.legs[::-1],
    )


def _draw(rng: np.random.Generator, mean: object, spread: object) -> Angles:
    return np.radians(rng.normal(np.asarray(mean, float), np.asarray(spread, float)))


def _limbs(rng: np.random.Generator, left: object, right: object, spread: object, most_bent: float) -> Angles:
    angles = _draw(rng, [left, right], spread)
    # Elbows and knees are hinges: they open to straight and no further.
    angles[:, 3] = np.clip(np.abs(angles[:, 3]), 0.0, np.radians(most_bent))
    return angles


def _arms(rng: np.random.Generator, left: object, right: object, spread: object = (10, 6, 12, 12)) -> Angles:
    return _limbs(rng, left, right, spread, most_bent=145)


def _legs(rng: np.random.Generator, left: object, right: object, spread: object = (4, 3, 6, 4)) -> Angles:
    return _limbs(rng, left, right, spread, most_bent=150)


def _upright(rng: np.random.Generator, arms: Angles, legs: Angles, lean: float = 0.0) -> Pose:
    return Pose(
        root=_draw(rng, (lean, 0), (3, 3)),
        spine=_draw(rng, (4, 0, 0), (5, 4, 8)),
        head=_draw(rng, (4, 0, 0), (10, 6, 22)),
        arms=arms,
        legs=legs,
    )


def _standing(rng: np.random.Generator) -> Pose:
    """Feet on the ground, arms hanging."""
    apart = rng.uniform(1, 10)
    legs = _legs(rng, (2, apart, -8, 5), (2, apart, -8, 5))
    return _upright(rng, _arms(rng, (2, 9, 5, 14), (2, 9, 5, 14)), legs)


def _walking(rng: np.random.Generator) -> Pose:
    """Left leg ahead, arms swinging against the legs."""
    step = rng.uniform(0.4, 1.0)
    legs = _legs(rng, (26 * step, 2, -4, 8), (-20 * step, 2, -4, 26 * step))
    arms = _arms(rng, (-24 * step, 8, 5, 12), (26 * step, 8, 10, 26), (6, 4, 8, 8))
    return _upright(rng, arms, legs, lean=3)


def _running(rng: np.random.Generator) -> Pose:
    """Left knee high, right leg trailing, elbows bent."""
    legs = _legs(rng, (62, 2, 0, 72), (-22, 2, 0, 62), (12, 3, 4, 20))
    arms = _arms(rng, (-48, 14, 10, 85), (38, 10, 25, 92), (12, 6, 10, 14))
    return replace(_upright(rng, arms, legs, lean=10), lift=float(rng.uniform(0, 0.06)))


def _sitting(rng: np.random.Generator) -> Pose:
    """On a seat, hands near the lap or on the knees."""
    legs = _legs(rng, (85, 9, 0, 82), (85, 9, 0, 82), (5, 6, 6, 12))
    arms = _arms(rng, (32, 10, 25, 55), (32, 10, 25, 55), (14, 6, 14, 20))
    return replace(_upright(rng, arms, legs), spine=_draw(rng, (8, 0, 0), (9, 4, 8)), seated=True)


def _arms_raised(rng: np.random.Generator) -> Pose:
    """Both arms up."""
    return _upright(rng, _arms(rng, (165, 18, 0, 20), (165, 18, 0, 20), (14, 12, 15, 22)), _standing(rng).legs)


def _arms_spread(rng: np.random.Generator) -> Pose:
    """Both arms out to the sides."""
    arms = _arms(rng, (4, 82, -5, 16), (4, 82, -5, 16), (8, 18, 25, 14))
    return _upright(rng, arms, _legs(rng, (3, 14, -8, 5), (3, 14, -8, 5)))


def _waving(rng: np.random.Generator) -> Pose:
    """Left hand beside or above the head, the other arm hanging."""
    arms = _arms(rng, (10, 100, -85, 70), (2, 9, 5, 16), (10, 18, 12, 22))
    return _upright(rng, arms, _standing(rng).legs)


def _reaching(rng: np.random.Generator) -> Pose:
    """Left arm stretched forward."""
    arms = _arms(rng, (85, 10, 5, 14), (4, 12, 8, 30), (22, 14, 14, 12))
    return _upright(rng, arms, _standing(rng).legs, lean=4)


def _hands_on_hips(rng: np.random.Generator) -> Pose:
    """Elbows out, hands at the waist."""
    arms = _arms(rng, (-14, 42, 68, 92), (-14, 42, 68, 92), (5, 5, 6, 6))
    return _upright(rng, arms, _standing(rng).legs)


def _arms_crossed(rng: np.random.Generator) -> Pose:
    """Forearms in front of the chest."""
    arms = _arms(rng, (26, 8, 72, 100), (30, 8, 72, 108), (4, 4, 6, 6))
    return _upright(rng, arms, _standing(rng).legs)


def _phoning(rng: np.random.Generator) -> Pose:
    """Left hand at the ear."""
    arms = _arms(rng, (48, 30, -5, 138), (4, 10, 8, 30), (10, 8, 10, 5))
    return _upright(rng, arms, _standing(rng).legs)


def _bending(rng: np.random.Generator) -> Pose:
    """Hips and back bent forward, arms hanging to the ground."""
    hinge, back = rng.uniform(15, 55), rng.uniform(20, 45)
    drop = hinge + back - 10
    return Pose(
        root=_draw(rng, (hinge, 0), (4, 3)),
        spine=_draw(rng, (back, 0, 0), (5, 4, 8)),
        head=_draw(rng, (-15, 0, 0), (14, 5, 14)),
        arms=_arms(rng, (drop, 8, 5, 12), (drop, 8, 5, 12), (14, 8, 10, 14)),
        legs=_legs(rng, (hinge + 8, 5, -5, 14), (hinge + 4, 5, -5, 12), (4, 3, 5, 8)),
    )


def _squatting(rng: np.random.Generator) -> Pose:
    """Knees deeply bent, arms forward."""
    depth = rng.uniform(0.6, 1.0)
    legs = _legs(rng, (105 * depth, 16, -12, 125 * depth), (105 * depth, 16, -12, 125 * depth), (4, 5, 5, 5))
    arms = _arms(rng, (60, 10, 10, 45), (60, 10, 10, 45), (18, 8, 12, 25))
    return replace(_upright(rng, arms, legs, lean=18), spine=_draw(rng, (22, 0, 0), (7, 4, 6)))


def _jumping(rng: np.random.Generator) -> Pose:
    """Off the ground, limbs flung apart."""
    arms = _arms(rng, (60, 70, 0, 25), (60, 70, 0, 25), (40, 30, 20, 20))
    legs = _legs(rng, (10, 20, -8, 35), (10, 20, -8, 35), (28, 10, 8, 28))
    return replace(_upright(rng, arms, legs), lift=float(rng.uniform(0.04, 0.2)))


def _lying(rng: np.random.Generator) -> Pose:
    """On the back, the belly or a side."""
    pitch, roll = ((-90, 0), (90, 0), (0, 90))[int(rng.integers(3))]
    return Pose(
        root=_draw(rng, (pitch, roll), (3, 3)),
        spine=_draw(rng, (0, 0, 0), (5, 5, 5)),
        head=_draw(rng, (0, 0, 0), (8, 8, 20)),
        arms=_arms(rng, (15, 30, 10, 35), (15, 30, 10, 35), (25, 20, 15, 25)),
        legs=_legs(rng, (12, 8, -8, 25), (12, 8, -8, 25), (12, 5, 5, 18)),
    )


POSES: tuple[tuple[float, Callable[[np.random.Generator], Pose]], ...] = (
    (0.18, _standing), (0.17, _walking), (0.10, _running), (0.12, _sitting), (0.06, _arms_raised),
    (0.04, _arms_spread), (0.06, _waving), (0.06, _reaching), (0.05, _hands_on_hips), (0.03, _arms_crossed),
    (0.03, _phoning), (0.05, _bending), (0.04, _squatting), (0.05, _jumping), (0.03, _lying),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """Bone lengths and breadths, in units of an average adult's standing height.

    Attributes:
        head: size of the head relative to an adult's of the same body scale.
        girth: thickness of trunk and limbs relative to the average.
        shoulder, hip: half the distance between the two joints.
    """

    head: float = 1.0
    girth: float = 1.0
    shoulder: float = 0.108
    hip: float = 0.056
    waist: float = 0.10
    chest: float = 0.20
    neck: float = 0.045
    upper_arm: float = 0.168
    forearm: float = 0.148
    hand: float = 0.075
    thigh: float = 0.245
    shin: float = 0.235
    ankle: float = 0.04
    foot: float = 0.125


def random_proportions(rng: np.random.Generator) -> Proportions:
    """Draw the proportions of an adult, or one time in six of a child."""
    child = rng.uniform(0.4, 1.0) if rng.random() < 1 / 6 else 0.0
    broad, legs, arms, trunk = rng.normal(1, (0.06, 0.04, 0.04, 0.03))
    legs, arms = legs * (1 - 0.14 * child), arms * (1 - 0.12 * child)
    average = Proportions()
    return Proportions(
        head=float(rng.normal(1, 0.04) + 0.5 * child),
        girth=float(np.clip(rng.normal(1.0, 0.13), 0.75, 1.45)),
        shoulder=average.shoulder * broad * (1 - 0.1 * child),
        hip=average.hip * float(rng.normal(1, 0.06)),
        waist=average.waist * trunk,
        chest=average.chest * trunk * (1 - 0.04 * child),
        neck=average.neck * (1 - 0.2 * child),
        upper_arm=average.upper_arm * arms,
        forearm=average.forearm * arms,
        thigh=average.thigh * legs,
        shin=average.shin * legs,
    )


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A posed body in its own frame: x to its left, y up, z forward; the ground is y = 0.

    Attributes:
        points: joints and landmarks by name, (3,) each; the 17 COCO points are among them.
        frames: (3, 3) orientation of "pelvis", "chest", "head" and of each limb segment; its columns
            are the segment's own left, up and forward.
        proportions: the body's measures.
    """

    points: dict[str, Vector]
    frames: dict[str, Matrix]
    proportions: Proportions

    def keypoints(self) -> Vector:
        """(17, 3) the COCO points in COCO's order."""
        return np.stack([self.points[name] for name in COCO_PERSON.names])


def build_skeleton(proportions: Proportions, pose: Pose) -> Skeleton:
    """Place all joints of a body in a pose, standing (or lying, or hovering) on the ground y = 0."""
    frames: dict[str, Matrix] = {}
    points: dict[str, Vector] = {}
    _place_trunk(points, frames, proportions, pose)
    _place_head(points, frames, proportions, pose)
    for row, (side, sign) in enumerate(SIDES):
        _place_arm(points, frames, proportions, side, sign, pose.arms[row])
        _place_leg(points, frames, proportions, side, sign, pose.legs[row])
    lowest = min(float(point[1]) for point in points.values())
    rise = np.array([0.0, pose.lift - lowest + 0.02, 0.0])
    return Skeleton(
        points={name: point + rise for name, point in points.items()}, frames=frames, proportions=proportions
    )


def _place_trunk(points: dict[str, Vector], frames: dict[str, Matrix], body: Proportions, pose: Pose) -> None:
    pelvis = turn_z(-pose.root[1]) @ turn_x(pose.root[0])
    chest = pelvis @ turn_x(pose.spine[0]) @ turn_z(-pose.spine[1]) @ turn_y(pose.spine[2])
    frames["pelvis"], frames["chest"] = pelvis, chest
    points["pelvis"] = np.zeros(3)
    points["waist"] = pelvis[:, 1] * body.waist
    points["chest"] = points["waist"] + chest[:, 1] * body.chest
    for side, sign in SIDES:
        points[f"{side}_hip"] = pelvis[:, 0] * (sign * body.hip)
        points[f"{side}_shoulder"] = points["chest"] + chest @ (sign * body.shoulder, -0.012, -0.004)


def _place_head(points: dict[str, Vector], frames: dict[str, Matrix], body: Proportions, pose: Pose) -> None:
    nod, tilt, turn = pose.head
    head = frames["chest"] @ turn_x(nod) @ turn_z(-tilt) @ turn_y(turn)
    frames["head"] = head
    points["throat"] = points["chest"] + frames["chest"] @ (0.0, body.neck * 0.6, 0.006)
    centre = points["throat"] + head @ (0.0, 0.4 * body.neck + 0.062 * body.head, 0.014)
    points["head"] = centre
    points["crown"] = centre + head[:, 1] * (0.07 * body.head)
    landmarks = {
        "nose": (0.0, -0.012, 0.062),
        "left_eye": (0.020, 0.010, 0.052),
        "right_eye": (-0.020, 0.010, 0.052),
        "left_ear": (0.047, 0.0, -0.004),
        "right_ear": (-0.047, 0.0, -0.004),
    }
    for name, offset in landmarks.items():
        points[name] = centre + head @ np.multiply(offset, body.head)


def _limb_frames(parent: Matrix, angles: Vector, sign: float, hinge: float) -> tuple[Matrix, Matrix]:
    raised, sideways, inward, bent = angles
    upper = parent @ turn_x(-raised) @ turn_z(sign * sideways) @ turn_y(-sign * inward)
    return upper, upper @ turn_x(hinge * bent)


def _place_arm(
    points: dict[str, Vector], frames: dict[str, Matrix], body: Proportions, side: str, sign: float, angles: Vector
) -> None:
    upper, fore = _limb_frames(frames["chest"], angles, sign, hinge=-1.0)
    frames[f"{side}_upper_arm"], frames[f"{side}_forearm"] = upper, fore
    points[f"{side}_elbow"] = points[f"{side}_shoulder"] - upper[:, 1] * body.upper_arm
    points[f"{side}_wrist"] = points[f"{side}_elbow"] - fore[:, 1] * body.forearm
    points[f"{side}_fingers"] = points[f"{side}_wrist"] - fore[:, 1] * body.hand


def _place_leg(
    points: dict[str, Vector], frames: dict[str, Matrix], body: Proportions, side: str, sign: float, angles: Vector
) -> None:
    thigh, shin = _limb_frames(frames["pelvis"], angles, sign, hinge=1.0)
    frames[f"{side}_thigh"], frames[f"{side}_shin"] = thigh, shin
    points[f"{side}_knee"] = points[f"{side}_hip"] - thigh[:, 1] * body.thigh
    points[f"{side}_ankle"] = points[f"{side}_knee"] - shin[:, 1] * body.shin
    # Toes point ahead of the shin and a little down; a raised shin lets the foot hang more.
    foot = shin @ turn_x(float(0.25 * angles[3]))
    points[f"{side}_heel"] = points[f"{side}_ankle"] + foot @ (0.0, -body.ankle * 0.6, -0.02)
    points[f"{side}_toes"] = points[f"{side}_ankle"] + foot @ (sign * 0.012, -body.ankle * 0.7, body.foot - 0.025)
