"""Chooses the left-right mirror map of named points and checks a given one against the names."""

from collections.abc import Sequence

from posekit.errors import SchemaError
from posekit.schema.recognition import recognise
from posekit.schema.sides import carries_sides, flip_from_names, unpaired_names
from posekit.schema.warning import Warn


def flip_of(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the mirror map of K points that is known or that their names tell; None without one."""
    published = recognise(names)
    if published is not None and published.flip_idx is not None:
        return published.flip_idx
    return flip_from_names(names)


def flip_or_warn(name_lists: Sequence[Sequence[str]], warn: Warn) -> tuple[int, ...] | None:
    """Return the mirror map that all lists of names agree on; None, with the reason as a warning, otherwise.

    Shorter lists have to agree with the first points of the longest.
    """
    flips = [flip_of(names) for names in name_lists]
    flip = flips[max(range(len(flips)), key=lambda place: len(name_lists[place]))]
    if flip is None or any(other != flip[: len(names)] for other, names in zip(flips, name_lists, strict=True)):
        flip = None
        warn(f"flips are off: {_reason(name_lists)}; flip_idx gives for each point the one whose place it takes")
    return flip


def check_flip(flip: Sequence[int], name_lists: Sequence[Sequence[str]], warn: Warn) -> None:
    """Compare a given mirror map with the names of the points.

    Args:
        flip: K indices, an involution.
        name_lists: names of the points, one list per class that has its own; shorter ones are of the first points.
        warn: is told where map and names disagree.

    Raises:
        SchemaError: if the map moves no point although names tell left from right.
    """
    for names in name_lists:
        expected, own = flip_of(names), tuple(flip)[: len(names)]
        if own == tuple(range(len(names))) and carries_sides(names):
            advice = f"write flip_idx: {list(expected)}, or leave it out" if expected else "leave it out"
            raise SchemaError(
                f"flip_idx moves none of the K = {len(names)} points, but their names tell left from right: {advice}"
            )
        if expected is not None and own != expected:
            place = next(i for i, other in enumerate(expected) if own[i] != other)
            partner = repr(names[own[place]]) if own[place] < len(names) else f"point {own[place]}, which is padding"
            warn(
                f"flip_idx takes {names[place]!r} to {partner}, where its name asks for "
                f"{names[expected[place]]!r}; flip_idx is followed"
            )


def _reason(name_lists: Sequence[Sequence[str]]) -> str:
    unpaired = [name for names in name_lists for name in unpaired_names(names)]
    if unpaired:
        more = f" and {len(unpaired) - 3} more have" if len(unpaired) > 3 else " has" if len(unpaired) == 1 else " have"
        return f"{', '.join(map(repr, unpaired[:3]))}{more} no single counterpart on the other side"
    if not any(map(carries_sides, name_lists)):
        return "there is no flip_idx, and no point name tells left or right"
    return "the point names of the classes tell different mirror maps"
