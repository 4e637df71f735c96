"""What the classes and keypoints of a file of the reference implementation are called."""

from collections.abc import Mapping
from typing import Any, Final

from posekit.models.rfdetr.recognise import Layout
from posekit.schema import KeypointSchema

COCO_ROWS: Final = 91  # the row is the category id of COCO, 1 to 90, with gaps
PERSON: Final = "person"
COCO_NAMES: Final = (
    "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant - stop_sign parking_meter "
    "bench bird cat dog horse sheep cow elephant bear zebra giraffe - backpack umbrella - - handbag tie suitcase "
    "frisbee skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle - "
    "wine_glass cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair "
    "couch potted_plant bed - dining_table - - toilet - tv laptop mouse remote keyboard cell_phone microwave oven "
    "toaster sink refrigerator - book clock vase scissors teddy_bear hair_drier toothbrush"
)
"""COCO's categories 1 to 90; a dash for those that no picture has, an underscore for a space."""


def class_names(layout: Layout, options: Mapping[str, Any]) -> dict[int, str]:
    """Return class names by index, without the spare row that no object has.

    Args:
        layout: of the network.
        options: what the file says; only ``class_names`` is read.
    """
    stated = _texts(options.get("class_names"))
    first = _first_class(layout)
    if len(stated) == layout.class_rows - 1:
        return {first + index: name for index, name in enumerate(stated)}
    if layout.class_rows == COCO_ROWS:
        return coco_names() if layout.slots is None or first else {0: PERSON}
    if layout.class_rows == 2:
        return {first: PERSON}
    return {first + index: str(first + index) for index in range(layout.class_rows - 1)}


def coco_names() -> dict[int, str]:
    """Return the names of COCO's categories by their ids."""
    words = COCO_NAMES.split()
    return {number: word.replace("_", " ") for number, word in enumerate(words, start=1) if word != "-"}


def point_schema(layout: Layout, options: Mapping[str, Any]) -> KeypointSchema | None:
    """Return the keypoints of a network; None without.

    Args:
        layout: of the network.
        options: what the file says; only ``keypoint_names`` is read.
    """
    count = layout.keypoints or (0 if layout.slots is None else layout.slots.widest)
    if not count:
        return None
    known = KeypointSchema.for_shape((count, 3))
    stated = _texts(options.get("keypoint_names"))
    if len(stated) != count or stated == known.names:
        return known
    return KeypointSchema(shape=(count, 3), names=stated)


def _texts(value: object) -> tuple[str, ...]:
    """Return a list of texts; empty for anything else."""
    is_list = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return tuple(value) if is_list else ()  # type: ignore[arg-type]


def _first_class(layout: Layout) -> int:
    """Return 1 for keypoint previews whose class 0 is background, else 0."""
    slots = layout.slots
    return int(slots is not None and slots.counts[0] == 0 and any(slots.counts))
