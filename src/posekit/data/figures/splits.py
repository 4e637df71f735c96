"""The train and val scenes of a written data set."""

from collections.abc import Iterator
from pathlib import Path

import cv2

from posekit.data.figures.scene import make_scene
from posekit.data.figures.settings import SceneSettings
from posekit.errors import SettingError
from posekit.sample import Sample

# Val scenes start here, whatever the number of train scenes: a larger train set keeps its val set.
VAL_OFFSET = 1_000_000
JPEG_QUALITY = 92


def write_pictures(
    folder: Path, split: str, count: int, seed: int, settings: SceneSettings
) -> Iterator[tuple[str, Sample]]:
    """Make the scenes of a split one by one, write each picture, and yield its file name with its sample.

    Args:
        folder: where the JPEG files ``000001.jpg``, ... go; made if missing.
        split: "train" (seeds from `seed`) or "val" (seeds from `seed` + 1 000 000).
        count: how many scenes.
        seed: the data set's seed.
        settings: what the scenes look like.

    Raises:
        SettingError: `count` is outside 0..1 000 000, so that train and val would share scenes.
    """
    if not 0 <= count <= VAL_OFFSET:
        raise SettingError(f"{split}={count} scenes: write between 0 and {VAL_OFFSET}")
    folder.mkdir(parents=True)
    first = seed + (VAL_OFFSET if split == "val" else 0)
    for number in range(1, count + 1):
        sample = make_scene(first + number - 1, settings)
        name = f"{number:06d}.jpg"
        _, encoded = cv2.imencode(".jpg", sample.image, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        (folder / name).write_bytes(encoded.tobytes())
        yield name, sample
