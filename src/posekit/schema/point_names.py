"""Splits point names into words, however they are written, and finds those that repeat."""

import re
from collections import Counter
from collections.abc import Sequence
from unicodedata import normalize

# One character stands for each of the name's: U upper case, a other letter, 0 digit, - anything else.
_WORD = re.compile(r"U+(?!a)|U?a+|0+")


def words(name: str) -> tuple[str, ...]:
    """Return the words of a point name, folded to lower case.

    Blanks, underscores and other signs part words; so do a capital after small letters, the last of several
    capitals before a small letter, and digits: ``left_eye``, ``Left Eye``, ``leftEye`` and ``LeftEye`` are all
    ("left", "eye"), ``RHip`` is ("r", "hip") and ``wingL2`` ("wing", "l", "2").
    """
    text = normalize("NFKC", name)
    kinds = "".join(map(_kind, text))
    return tuple(text[found.start() : found.end()].casefold() for found in _WORD.finditer(kinds))


def repeated(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once, each once."""
    return [name for name, times in Counter(names).items() if times > 1]


def _kind(character: str) -> str:
    if character.isalpha():
        return "U" if character.isupper() else "a"
    return "0" if character.isdigit() else "-"
