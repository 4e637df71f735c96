"""`Keypoints`: points and their confidence for the detections on one picture."""

from posekit.errors import ShapeError
from posekit.results.base import Array, BaseTensor, row_like


class Keypoints(BaseTensor):
    """K points for each of N objects, in pixels of the original picture.

    Attributes:
        data: (N, K, 2) x y, or (N, K, 3) x y confidence (0 to 1); a single object is accepted as 2-D.
        orig_shape: (H, W) of the original picture.
    """

    def __init__(self, data: Array, orig_shape: tuple[int, int]) -> None:
        if data.ndim == 2:
            data = data[None]
        if data.ndim != 3 or data.shape[2] not in (2, 3):
            raise ShapeError(
                f"keypoints of shape {tuple(data.shape)}: expected (N, K, 2) x y or (N, K, 3) x y confidence"
            )
        super().__init__(data, orig_shape)

    @property
    def xy(self) -> Array:
        """(N, K, 2) x, y, pixels, as predicted whatever their confidence."""
        return self.data[..., :2]

    @property
    def xyn(self) -> Array:
        """(N, K, 2) x, y divided by the picture's width and height."""
        height, width = self.orig_shape
        return self.xy / row_like(self.data, (width, height))

    @property
    def conf(self) -> Array | None:
        """(N, K) confidence of each point, 0 to 1; None for models without it."""
        return self.data[..., 2] if self.has_visible else None

    @property
    def has_visible(self) -> bool:
        """Whether each point carries a confidence."""
        return self.data.shape[2] == 3
