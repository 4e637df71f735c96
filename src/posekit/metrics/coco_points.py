"""How many keypoints the objects of each category of a COCO file have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def points_of_categories(annotations: Sequence[Any], categories: Mapping[int, Mapping[str, Any]]) -> dict[int, int]:
    """Return the number of points of each category; 0 for all when nothing has keypoints.

    Categories differ where they list names of different numbers of points. One that lists none gets the highest
    number then: its objects have no points, or as many as those of others.

    Args:
        annotations: entries of the file.
        categories: entries of the file by category number.
    """
    named = {number: len(entry["keypoints"]) for number, entry in categories.items() if _names_points(entry)}
    if len(set(named.values())) > 1:
        return dict.fromkeys(categories, max(named.values())) | named
    return dict.fromkeys(categories, _most_common(annotations) or max(named.values(), default=0))


def _names_points(category: Mapping[str, Any]) -> bool:
    names = category.get("keypoints")
    return isinstance(names, list) and bool(names)


def _most_common(annotations: Iterable[Any]) -> int:
    """Return how many points most objects have that have any, of equally frequent numbers the higher; 0 for none."""
    lengths = Counter(
        len(entry["keypoints"]) // 3
        for entry in annotations
        if isinstance(entry, Mapping) and isinstance(entry.get("keypoints"), list) and entry["keypoints"]
    )
    return max(lengths, key=lambda count: (lengths[count], count), default=0)
