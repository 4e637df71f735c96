"""`View`: where a figure stands in the picture and from which side the camera sees it."""

from dataclasses import dataclass, field

import numpy as np

from posekit.data.figures.vectors import Matrix, Vector, turn_x, turn_y, turn_z


@dataclass(frozen=True, kw_only=True)
class View:
    """Orthographic projection of one figure's body frame into the picture.

    Attributes:
        yaw: 0 faces the camera, pi shows the back, pi/2 faces the picture's right; radians.
        pitch: how far the camera looks down on the figure; radians.
        roll: tilt of the camera; radians.
        scale: pixels per body unit.
        x, y: picture position in pixels of the body frame's origin (the ground under the figure).
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    x: float
    y: float
    turn: Matrix = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Rows of the result: picture x (right), picture y (down), depth (away from the camera).
        axes = np.diag((1.0, -1.0, -1.0))
        object.__setattr__(self, "turn", axes @ turn_z(self.roll) @ turn_x(self.pitch) @ turn_y(self.yaw))

    def project(self, points: Vector) -> Vector:
        """Return (..., 3) picture x, picture y and depth in pixels for body points (..., 3).

        Pixel (row, column) covers x in [column, column + 1), y in [row, row + 1). Smaller depth is nearer.
        """
        turned: Vector = points @ self.turn.T * self.scale + np.array([self.x, self.y, 0.0])
        return turned

    def direct(self, vector: Vector) -> Vector:
        """Return a body direction (3,) in the camera's axes (right, down, away)."""
        return self.turn @ vector
