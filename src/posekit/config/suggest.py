"""Near matches for a mistyped word."""

import difflib
from collections.abc import Iterable, Mapping


def near_matches(word: str, known: Iterable[str]) -> list[str]:
    """Return up to three known words that look like `word`, nearest first."""
    by_lower = {name.lower(): name for name in known}
    return [by_lower[match] for match in difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=0.6)]


def question(word: str, known: Iterable[str], defaults: Mapping[str, str] | None = None) -> str:
    """Return ": did you mean conf=0.25?", or "" when nothing known looks like `word`.

    Args:
        word: what was typed.
        known: the right words.
        defaults: text of the default value of those words that have one.
    """
    defaults = defaults or {}
    matches = [f"{match}={defaults[match]}" if match in defaults else match for match in near_matches(word, known)]
    return f": did you mean {' or '.join(matches)}?" if matches else ""
