"""Transforms of the optional package albumentations, on the one geometry path of boxes, outlines and keypoints.

Nothing of it is used unless asked for: what a training does must not depend on which packages happen to be installed.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from threading import local
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.albumentations_package import require_albumentations
from posekit.augment.flips import FlipMap, swap_keypoints
from posekit.augment.geometry import move_objects, settle_objects
from posekit.augment.objects import select_objects
from posekit.augment.point_rows import Rows
from posekit.augment.transform_list import open_transforms, parts_of
from posekit.errors import SettingError, ShapeError
from posekit.log import LOGGER
from posekit.sample import Picture, Sample
from posekit.schema import KeypointSchema

DEFAULT_PROBABILITY = 0.01
LARGEST_SEED = 2**31
# Markers beside the centre of each box, as a share of its sides: they tell whether the object was mirrored.
MARKER_DISTANCE = 0.25


def default_transforms() -> list[Any]:
    """Return the usual rare disturbances: blur, median blur, grey and local contrast, each for one picture in 100.

    Raises:
        MissingExtraError: the package is not installed.
    """
    library = require_albumentations()
    kinds = (library.Blur, library.MedianBlur, library.ToGray, library.CLAHE)
    return [kind(p=DEFAULT_PROBABILITY) for kind in kinds]


class AlbumentationsTransform:
    """Applies albumentations transforms to samples.

    Args:
        transforms: what `open_transforms` takes, applied in order, each with its own probability. They see RGB.
        schema: of the keypoints, for transforms that mirror; None without keypoints.

    Raises:
        MissingExtraError: the package is not installed.
        SettingTypeError, SettingError: something is no transform, or cannot say what becomes of keypoints.
    """

    def __init__(self, transforms: Sequence[Any], schema: KeypointSchema | None = None) -> None:
        library, opened = require_albumentations(), open_transforms(tuple(transforms)) or ()
        self._moves = any(not isinstance(one, library.ImageOnlyTransform) for one in parts_of(opened))
        points = library.KeypointParams(format="xy", remove_invisible=False, label_fields=["numbers"])
        self._compose = library.Compose(list(opened), keypoint_params=points if self._moves else None)
        self._schema = schema
        self._of_thread = local()
        LOGGER.info("albumentations: %s", ", ".join(str(transform) for transform in opened))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Return the changed sample; the random numbers of the transforms follow from `rng`.

        Objects of which little is left are dropped; keypoints outside the picture are unlabelled. Objects that were
        mirrored have their keypoints swapped by the flip map.

        Raises:
            ShapeError: a transform changed the size of the picture.
            SettingError: a transform turned pixels into something else than bytes.
            SchemaError: a transform mirrored keypoints, and there is no flip map.
        """
        seed = int(rng.integers(LARGEST_SEED))
        if not self._moves:
            return replace(sample, image=self._picture(sample.image, seed))
        image, markers = sample.image, _markers(sample)

        def move(rows: Rows) -> Rows:
            nonlocal image, markers
            image, moved = self._apply(sample.image, np.concatenate((rows, markers), 1), seed)
            markers = moved[:, rows.shape[1] :]
            return _with_lost_outlines(moved[:, : rows.shape[1]], rows, sample)

        moved = swap_mirrored(replace(move_objects(sample, move), image=image), markers, self._schema)
        return settle_objects(moved, sample.boxes)

    def _apply(self, image: Picture, rows: Rows, seed: int) -> tuple[Picture, Rows]:
        """Return the changed picture (H, W, 3) BGR and points (2, T), NaN where lost; both of the frame of `image`."""
        # The package counts pixel centres in whole numbers, posekit pixel edges. Distortions lose points: the numbers
        # tell which ones are left.
        changed = self._changed(image, seed, keypoints=rows.T - 0.5, numbers=np.arange(rows.shape[1]))
        moved = np.full_like(rows, np.nan)
        left = np.asarray(changed["numbers"], np.int64)
        moved[:, left] = np.asarray(changed["keypoints"], np.float64).reshape(-1, 2).T + 0.5
        return _checked(changed["image"], image), moved

    def _picture(self, image: Picture, seed: int) -> Picture:
        return _checked(self._changed(image, seed)["image"], image)

    def _changed(self, image: Picture, seed: int, **points: Any) -> Any:
        compose = self._own_copy()
        compose.set_random_seed(seed)
        return compose(image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB), **points)

    def _own_copy(self) -> Any:
        """Return the transforms of this thread: they hold their random state in themselves."""
        if not hasattr(self._of_thread, "compose"):
            self._of_thread.compose = deepcopy(self._compose)
        return self._of_thread.compose


def swap_mirrored(sample: Sample, markers: Rows, schema: KeypointSchema | None) -> Sample:
    """Swap the keypoints of mirrored objects, so that left stays left.

    Args:
        sample: N moved objects.
        markers: (2, 3N) x and y of the points at each box as `_markers` placed them, moved too.
        schema: gives the flip maps; that for up-down mirrors where an object stands on its head and is not turned.

    Raises:
        SchemaError: objects with keypoints were mirrored, and there is no flip map.
    """
    if sample.keypoints is None or not len(sample.boxes):
        return sample
    centre, right, below = markers.reshape(2, 3, -1).transpose(1, 0, 2)  # each (2, N)
    (right_x, right_y), (below_x, below_y) = right - centre, below - centre
    mirrored = right_x * below_y - right_y * below_x < 0
    upside_down = mirrored & (right_x > 0) & (below_y < 0)
    sideways = schema.flip_idx if schema else None
    upright = schema.flip_idx_ud if schema else None
    sample = _swap_some(sample, mirrored & ~upside_down, sideways)
    return _swap_some(sample, upside_down, upright)


def _swap_some(sample: Sample, chosen: NDArray[np.bool_], flip_map: FlipMap | None) -> Sample:
    if not chosen.any() or sample.keypoints is None:
        return sample
    keypoints = sample.keypoints.copy()
    keypoints[chosen] = swap_keypoints(select_objects(sample, chosen), flip_map).keypoints
    return replace(sample, keypoints=keypoints)


def _markers(sample: Sample) -> Rows:
    """Return (2, 3N): the centres of all boxes, then points to their right, then points below."""
    x1, y1, x2, y2 = sample.boxes.T.astype(np.float64)
    x, y, right, down = (x1 + x2) / 2, (y1 + y2) / 2, MARKER_DISTANCE * (x2 - x1), MARKER_DISTANCE * (y2 - y1)
    return np.stack((np.concatenate((x, x + right, x)), np.concatenate((y, y, y + down))))


def _with_lost_outlines(moved: Rows, rows: Rows, sample: Sample) -> Rows:
    """Return moved points of which lost corners and outlines have gone along with the nearest point that is left.

    Lost keypoints stay lost; an object that is still in the picture must not vanish because a corner did.
    """
    lost = np.isnan(moved[0])
    left = ~lost
    first = 4 * len(sample.boxes)
    count = 0 if sample.keypoints is None else sample.keypoints[..., 0].size
    lost[first : first + count] = False
    if not (lost.any() and left.any()):
        return moved
    from scipy.spatial import KDTree

    _, nearest = KDTree(rows[:, left].T).query(rows[:, lost].T)
    result = moved.copy()
    result[:, lost] = rows[:, lost] + (moved - rows)[:, left][:, nearest]
    return result


def _checked(changed: Any, image: Picture) -> Picture:
    """Return a changed picture, RGB, in the order of posekit."""
    pixels = np.asarray(changed)
    if pixels.dtype != np.uint8:
        raise SettingError(
            f"albumentations made {pixels.dtype} of uint8 pixels: leave out what scales them, such as Normalize and "
            "ToFloat; the network's input is scaled afterwards"
        )
    if pixels.shape != image.shape:
        raise ShapeError(
            f"albumentations made a picture of {pixels.shape[:2]} from one of {image.shape[:2]} pixels: "
            "the size must stay; use transforms that keep it, such as RandomResizedCrop with the size imgsz"
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
