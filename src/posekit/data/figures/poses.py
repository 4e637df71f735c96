"""Poses: joint angles of people who stand, walk, run, sit, bend, wave, jump or lie."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Angles = NDArray[np.float64]


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


def standing(rng: np.random.Generator) -> Pose:
    """Feet on the ground, arms hanging."""
    apart = rng.uniform(1, 10)
    legs = _legs(rng, (2, apart, -8, 5), (2, apart, -8, 5))
    return _upright(rng, _arms(rng, (2, 9, 5, 14), (2, 9, 5, 14)), legs)


def walking(rng: np.random.Generator) -> Pose:
    """Left leg ahead, arms swinging against the legs."""
    step = rng.uniform(0.4, 1.0)
    legs = _legs(rng, (26 * step, 2, -4, 8), (-20 * step, 2, -4, 26 * step))
    arms = _arms(rng, (-24 * step, 8, 5, 12), (26 * step, 8, 10, 26), (6, 4, 8, 8))
    return _upright(rng, arms, legs, lean=3)


def running(rng: np.random.Generator) -> Pose:
    """Left knee high, right leg trailing, elbows bent."""
    legs = _legs(rng, (62, 2, 0, 72), (-22, 2, 0, 62), (12, 3, 4, 20))
    arms = _arms(rng, (-48, 14, 10, 85), (38, 10, 25, 92), (12, 6, 10, 14))
    return replace(_upright(rng, arms, legs, lean=10), lift=float(rng.uniform(0, 0.06)))


def sitting(rng: np.random.Generator) -> Pose:
    """On a seat, hands near the lap or on the knees."""
    legs = _legs(rng, (85, 9, 0, 82), (85, 9, 0, 82), (5, 6, 6, 12))
    arms = _arms(rng, (32, 10, 25, 55), (32, 10, 25, 55), (14, 6, 14, 20))
    return replace(_upright(rng, arms, legs), spine=_draw(rng, (8, 0, 0), (9, 4, 8)), seated=True)


def arms_raised(rng: np.random.Generator) -> Pose:
    """Both arms up."""
    return _upright(rng, _arms(rng, (165, 18, 0, 20), (165, 18, 0, 20), (14, 12, 15, 22)), standing(rng).legs)


def arms_spread(rng: np.random.Generator) -> Pose:
    """Both arms out to the sides."""
    arms = _arms(rng, (4, 82, -5, 16), (4, 82, -5, 16), (8, 18, 25, 14))
    return _upright(rng, arms, _legs(rng, (3, 14, -8, 5), (3, 14, -8, 5)))


def waving(rng: np.random.Generator) -> Pose:
    """Left hand beside or above the head, the other arm hanging."""
    arms = _arms(rng, (10, 100, -85, 70), (2, 9, 5, 16), (10, 18, 12, 22))
    return _upright(rng, arms, standing(rng).legs)


def reaching(rng: np.random.Generator) -> Pose:
    """Left arm stretched forward."""
    arms = _arms(rng, (85, 10, 5, 14), (4, 12, 8, 30), (22, 14, 14, 12))
    return _upright(rng, arms, standing(rng).legs, lean=4)


def hands_on_hips(rng: np.random.Generator) -> Pose:
    """Elbows out, hands at the waist."""
    arms = _arms(rng, (-14, 42, 68, 92), (-14, 42, 68, 92), (5, 5, 6, 6))
    return _upright(rng, arms, standing(rng).legs)


def arms_crossed(rng: np.random.Generator) -> Pose:
    """Forearms in front of the chest."""
    arms = _arms(rng, (26, 8, 72, 100), (30, 8, 72, 108), (4, 4, 6, 6))
    return _upright(rng, arms, standing(rng).legs)


def phoning(rng: np.random.Generator) -> Pose:
    """Left hand at the ear."""
    arms = _arms(rng, (48, 30, -5, 138), (4, 10, 8, 30), (10, 8, 10, 5))
    return _upright(rng, arms, standing(rng).legs)


def bending(rng: np.random.Generator) -> Pose:
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


def squatting(rng: np.random.Generator) -> Pose:
    """Knees deeply bent, arms forward."""
    depth = rng.uniform(0.6, 1.0)
    legs = _legs(rng, (105 * depth, 16, -12, 125 * depth), (105 * depth, 16, -12, 125 * depth), (4, 5, 5, 5))
    arms = _arms(rng, (60, 10, 10, 45), (60, 10, 10, 45), (18, 8, 12, 25))
    return replace(_upright(rng, arms, legs, lean=18), spine=_draw(rng, (22, 0, 0), (7, 4, 6)))


def jumping(rng: np.random.Generator) -> Pose:
    """Off the ground, limbs flung apart."""
    arms = _arms(rng, (60, 70, 0, 25), (60, 70, 0, 25), (40, 30, 20, 20))
    legs = _legs(rng, (10, 20, -8, 35), (10, 20, -8, 35), (28, 10, 8, 28))
    return replace(_upright(rng, arms, legs), lift=float(rng.uniform(0.04, 0.2)))


def lying(rng: np.random.Generator) -> Pose:
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
    (0.18, standing), (0.17, walking), (0.10, running), (0.12, sitting), (0.06, arms_raised), (0.04, arms_spread),
    (0.06, waving), (0.06, reaching), (0.05, hands_on_hips), (0.03, arms_crossed), (0.03, phoning), (0.05, bending),
    (0.04, squatting), (0.05, jumping), (0.03, lying),
)  # fmt: skip
