"""Which class number 0, 1, ... a COCO category becomes."""

from collections.abc import Collection
from typing import Literal, get_args

from posekit.errors import UnknownChoiceError

ClassNumbers = Literal["rank", "coco80", "id"]

# Ids 1 to 90 of COCO's categories that no picture of its object sets uses.
UNUSED_COCO_IDS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91})
_COCO_IDS = [category for category in range(1, 92) if category not in UNUSED_COCO_IDS]
_MOST_CLASSES = 100_000


def number_classes(ids: Collection[int], rule: ClassNumbers) -> dict[int, int | None]:
    """Return the class number of each category id; None for an id that has none.

    Args:
        ids: the category ids of a file.
        rule: "rank": the place among the ids in ascending order; "coco80": the 80 classes of COCO for its ids 1 to 90;
            "id": id - 1.

    Raises:
        UnknownChoiceError: the rule is none of these.
    """
    if rule == "rank":
        return {category: number for number, category in enumerate(sorted(ids))}
    if rule == "coco80":
        places = {category: number for number, category in enumerate(_COCO_IDS)}
        return {category: places.get(category) for category in ids}
    if rule == "id":
        return {category: category - 1 if 0 < category <= _MOST_CLASSES else None for category in ids}
    raise UnknownChoiceError(f"class_numbers={rule!r} is none of {', '.join(get_args(ClassNumbers))}")


def class_count(numbers: Collection[int | None], rule: ClassNumbers) -> int:
    """Return how many classes there are, those that no category became included."""
    if rule == "coco80":
        return len(_COCO_IDS)
    return max((number for number in numbers if number is not None), default=-1) + 1
