"""Which augmentations a data set allows: none that turns left into right."""

from dataclasses import replace
from typing import Any

from posekit.config.augmentation import AugmentationSettings
from posekit.log import LOGGER
from posekit.schema import KeypointSchema


def usable_settings(settings: AugmentationSettings, schema: KeypointSchema | None) -> AugmentationSettings:
    """Return the settings without what would mirror keypoints that no flip map is known for, and warn of it.

    Args:
        settings: as asked for.
        schema: of the data set; None without keypoints, where every mirror image is right.
    """
    if schema is None:
        return settings
    mirrors = {"fliplr": schema.flip_idx, "flipud": schema.flip_idx_ud}
    if settings.copy_paste_mode == "flip":
        mirrors["copy_paste"] = schema.flip_idx
    off = [name for name, flip_map in mirrors.items() if flip_map is None and getattr(settings, name) > 0]
    if not off:
        return settings
    LOGGER.warning(
        "%s off: without a flip map, mirrored keypoints would take left for right; "
        "flip_idx in the dataset YAML gives the map",
        " and ".join(off) + (" is" if len(off) == 1 else " are"),
    )
    zeros: dict[str, Any] = dict.fromkeys(off, 0.0)
    return replace(settings, **zeros)
