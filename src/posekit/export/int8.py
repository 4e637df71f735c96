"""What all formats share for 8 bits: pictures that tell the ranges of values, and which layers stay in 32 bits.

Pictures are placed as for prediction: ranges from such that look otherwise to the network would be wrong.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Final, overload

import numpy as np

from posekit.config.settings import ExportSettings
from posekit.data.dataset import read_description, require_split
from posekit.data.description import DatasetDescription
from posekit.data.find_pictures import list_pictures, share
from posekit.data.open_split import open_split
from posekit.engine.validation_run import find_remembered
from posekit.errors import DatasetNotFoundError, PosekitError, SettingError
from posekit.io.decode import picture_size, read_image
from posekit.log import LOGGER
from posekit.models.contract import Network
from posekit.models.exported.facts import Facts
from posekit.placing import Letterboxing, Placing, Stretching
from posekit.sample import Floats, Sample

MOST_PICTURES: Final = 200  # ranges from more of them hardly differ; a whole number as `fraction` takes more
FEW_PICTURES: Final = 16
NEEDED: Final = "8 bits are calibrated on pictures: name a data set like that of the training, such as data=FILE.yaml"

# Layers in a row before the outputs that stay in 32 bits: errors there go straight into coordinates. They are small.
LAST_LAYERS: Final = 2
# Layers in a row behind the input that stay so, too, where that pays: all later errors follow from theirs.
FIRST_LAYERS: Final = 2


@dataclass(frozen=True)
class CalibrationPictures(Sequence[Floats]):
    """Pictures as the file will get them, each read when it is asked for.

    Attributes:
        paths: of the picture files.
        placing: how they come into the input.
        size: (H, W) of the input.
        batch: pictures per item.
    """

    paths: tuple[str, ...]
    placing: Placing
    size: tuple[int, int]
    batch: int = 1

    def __len__(self) -> int:
        return ceil(len(self.paths) / self.batch)

    @overload
    def __getitem__(self, index: int) -> Floats: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Floats]: ...

    def __getitem__(self, index: int | slice) -> Floats | Sequence[Floats]:
        """Return (batch, 3, H, W) float32 RGB in [0, 1]; the last item is filled up with the first pictures.

        Raises:
            UnreadableImageError: a picture cannot be decoded.
        """
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        first = index % len(self) * self.batch
        paths = [self.paths[number % len(self.paths)] for number in range(first, first + self.batch)]
        samples = [Sample(image=read_image(Path(path)), path=path) for path in paths]
        images = self.placing.prepare(samples, self.size, rect=False).images
        floats = images.float() if images.is_floating_point() else images.float() / 255
        return np.ascontiguousarray(floats.numpy())


def calibration_pictures(network: Network, settings: ExportSettings, facts: Facts) -> CalibrationPictures:
    """Return pictures of the data set that the settings name, or that the weights remember.

    They are of its train split, or of its val split where that alone is on disk, and evenly chosen.

    Raises:
        SettingError: no data set is named, and none that is here is remembered.
        DatasetNotFoundError, DatasetError, DatasetTypeError, DatasetKeyError, SchemaError: the data set cannot be used.
        UnreadableImageError: none of its pictures can be read.
    """
    data = settings.data or find_remembered(network.settings.get("data"))
    if data is None:
        raise SettingError(f"int8=True: {NEEDED}")
    try:
        description, split = _with_pictures(data, network.task, may_fetch=settings.data is not None)
    except DatasetNotFoundError as error:
        if settings.data is not None:
            raise
        raise SettingError(f"int8=True: the pictures of {data} are not here; {NEEDED}") from error
    fraction = _fraction(settings, split)
    found = _paths(description, split, network.task)
    found = found[: share(len(found), fraction)]
    most = len(found) if isinstance(fraction, int) and fraction > 1 else MOST_PICTURES
    paths = _readable([found[round(place)] for place in np.linspace(0, len(found) - 1, min(len(found), most))])
    LOGGER.info("8 bits: ranges are found on %d of the %d pictures of %s (%s)", len(paths), len(found), data, split)
    if len(paths) < FEW_PICTURES:
        LOGGER.warning("%s: %d pictures are few to find the ranges of 8 bits on; some 100 are enough", data, len(paths))
    placing = Stretching(facts.stride) if facts.placing == "stretch" else Letterboxing(facts.stride)
    return CalibrationPictures(paths, placing, facts.imgsz, facts.batch)


def nearest_layers(
    starts: Iterable[str], neighbours: Mapping[str, Sequence[str]], layers: Collection[str], depth: int
) -> tuple[set[str], set[str]]:
    """Return the nodes of a graph before the first layers on the way from some nodes, and the first `depth` layers.

    Args:
        starts: names of nodes.
        neighbours: names of the nodes next to each, in the direction to go.
        layers: names of the nodes with weights.
        depth: layers in a row to pass; other nodes between them are passed, too.
    """
    between: set[str] = set()
    found: set[str] = set()
    for number in range(depth):
        seen: set[str] = set()
        waiting, starts = list(starts), []
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in layers:
                found.add(name)
                starts += neighbours.get(name, ())
            else:
                waiting += neighbours.get(name, ())
        between |= seen - found if number == 0 else set()
    return between, found


def _with_pictures(data: str, task: str, *, may_fetch: bool) -> tuple[DatasetDescription, str]:
    """Return the data set and its first split whose pictures are on disk; else fetch those of val, if allowed."""
    description = read_description(data, task=task)
    local = replace(description, downloads=())
    splits = [split for split in ("train", "val") if split in description.splits]
    for split in splits:
        with suppress(DatasetNotFoundError):  # said below, of the split that then counts
            return require_split(local, split), split
    last = splits[-1] if splits else "val"
    return require_split(description if may_fetch else local, last), last


def _fraction(settings: ExportSettings, split: str) -> float | int:
    if not isinstance(settings.fraction, tuple):
        return settings.fraction
    if not settings.fraction:
        raise SettingError("fraction=[]: expected a share, a number of pictures, or one of these per split")
    return settings.fraction[min(split == "val", len(settings.fraction) - 1)]


def _paths(description: DatasetDescription, split: str, task: str) -> list[str]:
    """Return the paths of all pictures of a split; label files are not read, as labels do not matter."""
    places = description.splits[split]
    if any(place.suffix.lower() == ".json" for place in places):
        return list(open_split(description, split, task=task).pictures.paths)
    return list(dict.fromkeys(list_pictures(places)))


def _readable(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the pictures with a header that can be read; a warning names the first one without.

    Raises:
        PosekitError: there is none, and this is what is wrong with the first.
    """
    states = {path: _error_of(path) for path in paths}
    errors = [error for error in states.values() if error is not None]
    if len(errors) == len(states):
        raise errors[0]
    if errors:
        LOGGER.warning(
            "8 bits: %d pictures are left out, as they cannot be read; the first: %s", len(errors), errors[0]
        )
    return tuple(path for path, error in states.items() if error is None)


def _error_of(path: str) -> PosekitError | None:
    try:
        picture_size(path)
    except PosekitError as error:
        return error
    return None
