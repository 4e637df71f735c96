"""`Figure`: one person of a scene, with body, pose, looks and place."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from posekit.data.figures.anatomy import Proportions, Skeleton, build_skeleton, random_proportions
from posekit.data.figures.head_parts import head_parts
from posekit.data.figures.limbs import arm_parts, leg_parts
from posekit.data.figures.looks import Looks, random_looks
from posekit.data.figures.part import Part
from posekit.data.figures.poses import Pose, random_pose
from posekit.data.figures.trunk import skirt_parts, trunk_parts
from posekit.data.figures.view import View


@dataclass(frozen=True)
class Figure:
    """One person.

    Attributes:
        proportions: measures of the body.
        pose: joint angles.
        looks: skin, hair and clothes.
        view: place in the picture, and the side from which it is seen.
    """

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
        skirt = skirt_parts(self.skeleton, self.looks) if self.looks.skirt else []
        return [
            *leg_parts(self.skeleton, self.looks),
            *skirt,
            *trunk_parts(self.skeleton, self.looks),
            *arm_parts(self.skeleton, self.looks),
            *head_parts(self.skeleton, self.looks),
        ]


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where a figure is to stand.

    Attributes:
        x, y: picture position in pixels of the ground under it.
        height: pixels that an average adult standing there would measure.
        pitch: how far the camera looks down, in radians.
        roll: tilt of the camera, in radians.
    """

    x: float
    y: float
    height: float
    pitch: float
    roll: float


def random_figure(rng: np.random.Generator, spot: Spot) -> Figure:
    """Draw a person and put it on `spot`."""
    return Figure(
        proportions=random_proportions(rng),
        pose=random_pose(rng),
        looks=random_looks(rng),
        view=View(yaw=_random_yaw(rng), pitch=spot.pitch, roll=spot.roll, scale=spot.height, x=spot.x, y=spot.y),
    )


def _random_yaw(rng: np.random.Generator) -> float:
    """Most people face the camera roughly, a fifth show the back, the rest stand anyhow; radians."""
    front, back, any_way = rng.normal(0, 0.6), rng.normal(np.pi, 0.6), rng.uniform(-np.pi, np.pi)
    return float(rng.choice([front, back, any_way], p=[0.48, 0.2, 0.32]))
