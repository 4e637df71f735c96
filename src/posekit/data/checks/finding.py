"""`Finding`: one thing that a check noticed."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

# A finding shows at most so many places.
EXAMPLES = 12


@dataclass(frozen=True, kw_only=True)
class Example:
    """One place where it shows.

    Attributes:
        split: name of the split.
        picture: index into the split's pictures.
        objects: indices of the objects in question; empty for the whole picture.
        keypoints: indices of the keypoints in question; empty for none in particular.
        caption: what is to be seen, in a few words.
    """

    split: str
    picture: int
    objects: tuple[int, ...] = ()
    keypoints: tuple[int, ...] = ()
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check noticed.

    Attributes:
        code: short name of the kind, such as ``swapped_sides``.
        severity: "error" spoils training or scores, "warning" probably does, "note" is worth knowing.
        title: what it is, with its number.
        explanation: how it was told.
        advice: what to do.
        count: how many objects, pictures or keypoints.
        examples: the most striking ones first.
    """

    code: str
    severity: Severity
    title: str
    explanation: str
    advice: str
    count: int
    examples: tuple[Example, ...] = ()
