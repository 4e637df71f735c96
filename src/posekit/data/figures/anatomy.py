"""Anatomy: body proportions, and the joints of a body in a given pose."""

from dataclasses import dataclass

import numpy as np

from posekit.data.figures.poses import Pose
from posekit.data.figures.vectors import Matrix, Vector, turn_x, turn_y, turn_z
from posekit.schema import COCO_PERSON

SIDES = (("left", 1.0), ("right", -1.0))


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
