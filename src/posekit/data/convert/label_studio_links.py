"""Which regions of a Label Studio annotation belong together."""

from collections.abc import Mapping, Sequence
from typing import Any


def groups_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return region id -> name of its group, for regions that are linked to others.

    A link is a relation (``from_id``, ``to_id``) or the parent that a region names (``parentID``); whatever hangs
    together through links is one group.
    """
    known = {str(entry["id"]) for entry in entries if entry.get("id") is not None}
    links = [(str(entry.get("from_id")), str(entry.get("to_id"))) for entry in entries if "from_id" in entry]
    links += [(str(entry.get("id")), str(entry["parentID"])) for entry in entries if entry.get("parentID") is not None]
    heads: dict[str, str] = {}
    for first, second in links:
        if first in known and second in known:
            heads[_head(heads, first)] = _head(heads, second)
    linked = {region for link in links for region in link if region in known}
    return {region: f"region {_head(heads, region)}" for region in linked}


def _head(heads: dict[str, str], region: str) -> str:
    """Return the region at the end of the chain, and shorten the chain on the way."""
    while heads.get(region, region) != region:
        after = heads[region]
        heads[region] = heads.get(after, after)
        region = after
    return region
