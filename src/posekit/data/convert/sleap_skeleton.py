"""The skeletons of a SLEAP file: node names, edges and symmetries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What SLEAP calls an unnamed skeleton; as a class name it says nothing.
_UNNAMED = "Skeleton-"
NAMELESS = "animal"
_SYMMETRY = 2


@dataclass(frozen=True, kw_only=True)
class SleapSkeleton:
    """One skeleton.

    Attributes:
        name: class name of its instances.
        nodes: point names in the order of the points of an instance.
        edges: pairs of names.
        symmetries: pairs of names that change places under a left-right mirror.
    """

    name: str
    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    symmetries: tuple[tuple[str, str], ...]


def read_skeletons(text: str) -> list[SleapSkeleton]:
    """Return the skeletons in the metadata of a SLEAP file.

    Raises:
        ValueError: it is no JSON.
        KeyError, TypeError, IndexError: it has another form.
    """
    content = json.loads(text)
    names = [str(node["name"]) for node in content["nodes"]]
    return [_read_skeleton(entry, names) for entry in content["skeletons"]]


def _read_skeleton(entry: Mapping[str, Any], names: Sequence[str]) -> SleapSkeleton:
    name = str(entry.get("graph", {}).get("name") or NAMELESS)
    edges: list[tuple[str, str]] = []
    symmetries: list[tuple[str, str]] = []
    for link, kind in zip(entry["links"], _kinds(entry["links"]), strict=True):
        pair = names[_index(link["source"])], names[_index(link["target"])]
        (symmetries if kind == _SYMMETRY else edges).append(pair)
    return SleapSkeleton(
        name=NAMELESS if name.startswith(_UNNAMED) else name,
        nodes=tuple(names[_index(node["id"])] for node in entry["nodes"]),
        edges=tuple(edges),
        symmetries=tuple(dict.fromkeys((min(pair), max(pair)) for pair in symmetries)),
    )


def _kinds(links: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return 1 (edge) or 2 (symmetry) for each link.

    The first link of a kind spells it out; later ones point back at it by its number among those spelled out.
    """
    spelled: list[int] = []
    kinds = []
    for link in links:
        kind = link["type"]
        if "py/reduce" in kind:
            spelled.append(int(kind["py/reduce"][1]["py/tuple"][0]))
            kinds.append(spelled[-1])
        else:
            kinds.append(spelled[_index(int(kind["py/id"]) - 1)])
    return kinds


def _index(value: Any) -> int:
    """Return an index; a negative one would count from the end."""
    if type(value) is not int or value < 0:
        raise IndexError(f"{value!r} is no index")
    return value
