"""Transforms of the optional package albumentations, on the one geometry path of boxes, outlines and keypoints.

Nothing of it is used unless asked for: what a training does must not depend on which packages happen to be installed.
"""

import os
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from threading import get_ident
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.flips import FlipMap, swap_keypoints
from posekit.augment.geometry import move_objects, settle_objects
from posekit.augment.objects import select_objects
from posekit.augment.point_rows import Rows
from posekit.errors import MissingExtraError, ShapeError
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
    library = _library()
    kinds = (library.Blur, library.MedianBlur, library.ToGray, library.CLAHE)
    return [kind(p=DEFAULT_PROBABILITY) for kind in kinds]


class AlbumentationsTransform:
    """Applies albumentations transforms to samples.

    Args:
        transforms: of the package, applied in order, each with its own probability. They see RGB.
        schema: of the keypoints, for transforms that mirror; None without keypoints.

    Raises:
        MissingExtraError: the package is not installed.
    """

    def __init__(self, transforms: Sequence[Any], schema: KeypointSchema | None = None) -> None:
        library = _library()
        self._moves = any(not isinstance(one, library.ImageOnlyTransform) for one in _leaves(transforms))
        points = library.KeypointParams(format="xy", remove_invisible=False) if self._moves else None
        self._compose = library.Compose(list(transforms), keypoint_params=points)
        self._schema = schema
        self._of_thread: dict[int, Any] = {}
        LOGGER.info("albumentations: %s", ", ".join(str(transform) for transform in transforms))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Return the changed sample; the random numbers of the transforms follow from `rng`.

        Objects of which little is left are dropped; keypoints outside the picture are unlabelled. Objects that were
        mirrored have their keypoints swapped by the flip map.

        Raises:
            ShapeError: a transform changed the size of the picture.
            SchemaError: a transform mirrored keypoints, and there is no flip map.
        """
        seed = int(rng.integers(LARGEST_SEED))
        if not self._moves:
            return replace(sample, image=self._apply(sample.image, np.zeros((2, 0)), seed)[0])
        image, markers = sample.image, _markers(sample)

        def move(rows: Rows) -> Rows:
            nonlocal image, markers
            image, moved = self._apply(sample.image, np.concatenate((rows, markers), 1), seed)
            markers = moved[:, rows.shape[1] :]
            return moved[:, : rows.shape[1]]

        moved = swap_mirrored(replace(move_objects(sample, move), image=image), markers, self._schema)
        return settle_objects(moved, sample.boxes)

    def _apply(self, image: Picture, rows: Rows, seed: int) -> tuple[Picture, Rows]:
        """Return the changed picture (H, W, 3) BGR and points (2, T); both of the frame of `image`."""
        compose = self._own_copy()
        compose.set_random_seed(seed)
        # The package counts pixel centres in whole numbers, posekit pixel edges.
        changed = compose(image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB), keypoints=rows.T - 0.5)
        result = np.asarray(cv2.cvtColor(changed["image"], cv2.COLOR_RGB2BGR), np.uint8)
        if result.shape != image.shape:
            raise ShapeError(
                f"albumentations made a picture of {result.shape[:2]} from one of {image.shape[:2]} pixels: "
                "the size must stay; use transforms that keep it, such as RandomResizedCrop with the size imgsz"
            )
        return result, np.asarray(changed["keypoints"], np.float64).reshape(-1, 2).T + 0.5

    def _own_copy(self) -> Any:
        """Return the transforms of this thread: they hold their random state in themselves."""
        if get_ident() not in self._of_thread:
            self._of_thread[get_ident()] = deepcopy(self._compose)
        return self._of_thread[get_ident()]


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


def _leaves(transforms: Iterable[Any]) -> Iterable[Any]:
    """Yield the transforms without the compositions that hold them."""
    for transform in transforms:
        nested = getattr(transform, "transforms", None)
        if nested is None:
            yield transform
        else:
            yield from _leaves(nested)


def _library() -> Any:
    # On import the package would ask its registry for newer releases.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        import albumentations
    except ImportError as error:
        raise MissingExtraError("albumentations transforms", "albumentations", "albumentations") from error
    return albumentations
