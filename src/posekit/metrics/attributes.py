"""The answer to a wrong attribute name: the names that exist."""

from collections.abc import Iterable
from difflib import get_close_matches

from posekit.errors import UnknownAttributeError


def unknown_attribute(owner: object, name: str, also: Iterable[str] = ()) -> UnknownAttributeError:
    """Return the error for reading `name`; it lists public attributes of `owner` and the names in `also`."""
    known = sorted(key for key in {*owner.__dict__, *dir(type(owner)), *also} if not key.startswith("_"))
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownAttributeError(f"{type(owner).__name__} has no attribute {name!r}.{hint} It has: {', '.join(known)}")
