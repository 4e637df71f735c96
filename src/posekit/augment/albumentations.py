"""Transforms of the optional package albumentations, on the one geometry path of boxes, outlines and keypoints.

Nothing of it is used unless asked for: what a training does must not depend on which packages happen to be installed.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from threading import local
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from posekit.augment.objects import Rows, move_objects, select_objects, settle_objects
from posekit.augment.warps import FlipMap, swap_keypoints
from posekit.errors import MissingExtraError, SettingError, SettingTypeError, ShapeError
from posekit.files.reading import parse_yaml, read_file
from posekit.log import LOGGER, one_line
from posekit.sample import Picture, Sample
from posekit.schema.schema import KeypointSchema

# Stands for a transform that cannot be written down, with its name.
UNSAVED: Final = "unsaved"

DEFAULT_PROBABILITY = 0.01
LARGEST_SEED = 2**31
# Markers beside the centre of each box, as a share of its sides: they tell whether the object was mirrored.
MARKER_DISTANCE = 0.25


def require_albumentations() -> Any:
    """Return the package, or raise `MissingExtraError`."""
    # On import the package would ask its registry for newer releases.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        import albumentations
    except ImportError as error:
        raise MissingExtraError("albumentations transforms", "albumentations", "albumentations") from error
    return albumentations


def open_transforms(value: object) -> tuple[Any, ...] | None:
    """Return the transforms that the setting means; None without.

    Args:
        value: transforms, their plain forms (see `stored_transforms`), or a file made by ``albumentations.save``.

    Raises:
        MissingExtraError: the package is not installed.
        SettingTypeError: something is no transform of the package.
        SettingError: a file or a plain form cannot be read, or stands for a transform that could not be written; or
            a transform changes pictures, but not the keypoints on them.
    """
    if value is None:
        return None
    library = require_albumentations()
    entries = [_read(Path(value))] if isinstance(value, str) else value
    assert isinstance(entries, Sequence)
    transforms = tuple(_unwrapped(_opened(entry, library), library) for entry in entries)
    _check_targets(transforms, library)
    return transforms


def stored_transforms(transforms: object) -> Any:
    """Return transforms as plain values, which `open_transforms` takes; None and names of files as they are."""
    if not isinstance(transforms, tuple):
        return transforms
    return [_plain(transform) or {UNSAVED: type(transform).__name__} for transform in transforms]


def warn_of_unsaved(transforms: Iterable[Any] | None) -> None:
    """Warn of transforms that no file can hold, such as functions of the user's own."""
    names = [type(transform).__name__ for transform in transforms or () if _plain(transform) is None]
    if names:
        LOGGER.warning(
            "augmentations: %s cannot be written into checkpoints: whoever resumes this run has to give "
            "augmentations=[...] again",
            ", ".join(names),
        )


def _read(path: Path) -> Mapping[str, Any]:
    name = f"augmentations={path}"
    data = read_file(path, SettingError, name=name)
    if data.lstrip().startswith(b"{"):  # YAML takes JSON, too, but numbers such as 1e-5 for text
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise SettingError(f"{name} is no readable YAML or JSON: {one_line(error)}") from error
    else:
        content = parse_yaml(data, SettingError, name)
    if not isinstance(content, Mapping):
        raise SettingError(f"augmentations={path} holds no transform: write it with albumentations.save")
    return content


def _opened(entry: Any, library: Any) -> Any:
    """Return a transform as an object."""
    if not isinstance(entry, Mapping):
        if isinstance(entry, library.BasicTransform | library.BaseCompose):
            return entry
        raise SettingTypeError(
            f"augmentations: {entry!r} is no transform of albumentations: give a list such as "
            "[albumentations.Blur(p=0.1)]"
        )
    if UNSAVED in entry:
        raise SettingError(
            f"augmentations: {entry[UNSAVED]} cannot be carried in files or to other processes: give "
            "augmentations=[...] again when a run is resumed, and start several processes with torchrun"
        )
    try:
        return library.from_dict(entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingError(
            f"augmentations: albumentations {library.__version__} cannot make a transform of a file "
            f"({type(error).__name__}: {one_line(error)}): was it written by albumentations.save, and are "
            "classes of your own imported?"
        ) from error


def _unwrapped(transform: Any, library: Any) -> Any:
    """Return a whole pipeline as a part of one: what it says of boxes and keypoints is posekit's to decide."""
    if not isinstance(transform, library.Compose):
        return transform
    return library.Sequential(list(transform.transforms), p=transform.p)


def _check_targets(transforms: Iterable[Any], library: Any) -> None:
    """Refuse what is more than a change of colours, and leaves keypoints where they are."""
    for part in parts_of(transforms):
        if not isinstance(part, library.ImageOnlyTransform) and "keypoints" not in part.targets:
            raise SettingError(
                f"augmentations: {type(part).__name__} changes pictures, but not the keypoints on them: leave it out"
            )


def _plain(transform: Any) -> Any:
    """Return a transform as plain values; None when it has none, or could not be made from them again."""
    library = require_albumentations()
    if any(isinstance(part, library.Lambda) for part in parts_of([transform])):
        return None
    try:
        return json.loads(json.dumps(library.to_dict(transform)))
    except (TypeError, ValueError, NotImplementedError, AttributeError):
        return None


def parts_of(transforms: Iterable[Any]) -> Iterable[Any]:
    """Yield the transforms without the compositions that hold them."""
    for transform in transforms:
        nested = getattr(transform, "transforms", None)
        if nested is None:
            yield transform
        else:
            yield from parts_of(nested)


def default_transforms() -> list[Any]:
    """Return the usual rare disturbances: blur, median blur, grey and local contrast, each for one picture in 100."""
    library = require_albumentations()
    kinds = (library.Blur, library.MedianBlur, library.ToGray, library.CLAHE)
    return [kind(p=DEFAULT_PROBABILITY) for kind in kinds]


class AlbumentationsTransform:
    """Applies albumentations transforms to samples.

    Args:
        transforms: what `open_transforms` takes, applied in order, each with its own probability. They see RGB.
        schema: of the keypoints, for transforms that mirror; None without keypoints.
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
            return replace(sample, image=_checked(self._changed(sample.image, seed)["image"], sample.image))
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
    """Swap the keypoints of mirrored objects, which their moved markers (2, 3N) tell, so that left stays left.

    Of the flip maps that for up-down mirrors counts where an object stands on its head and is not turned.
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
