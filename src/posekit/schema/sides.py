"""Finds left and right in point names, and the mirror map that they tell."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import Enum
from string import ascii_lowercase
from unicodedata import normalize

# One character stands for each of the name's: U upper case, a other letter, 0 digit, - anything else.
_WORD = re.compile(r"U+(?!a)|U?a+|0+")

# Letters beside l and r that make them part of an enumeration (a, b, ... l, ... r); m and c may mean the middle.
_OTHER_LETTERS = [letter for letter in ascii_lowercase if letter not in "lrmc"]


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


class Side(Enum):
    """A side of a body; its value is the word for it."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


Words = tuple[str | Side, ...]
_LETTERS = {"l": Side.LEFT, "r": Side.RIGHT}


def flip_from_names(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the left-right mirror map that K point names tell, such as ``left_eye``, ``L_F_Paw`` or ``wingR``.

    It holds for each point the index of the one whose place it takes; points without a side keep theirs. None when no
    name tells a side, or when `unpaired_names` has some.
    """
    partners = _partners(names)
    flip = tuple(partner for partner in partners if partner is not None)
    return flip if len(flip) == len(names) and carries_sides(names) else None


def unpaired_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that tell a side but have no counterpart, or more than one, on the other."""
    return tuple(name for name, partner in zip(names, _partners(names), strict=True) if partner is None)


def carries_sides(names: Sequence[str]) -> bool:
    """Return whether any point name tells a side."""
    return any(map(_has_side, words_with_sides(names)))


def words_with_sides(names: Sequence[str]) -> list[Words]:
    """Split K point names into words, with `Side` in place of the words and letters that tell one.

    - ``left`` and ``right`` tell a side as words of their own and at the start of a word (``lefthand``). Elsewhere
      in a word they do only if the list has the counterpart: ``eyeleft`` beside ``eyeright``, but not ``bright``.
    - The letters L and R do in names without such a word, if the list uses both, and not where they enumerate:
      ``A1 ... L1 ... R1``, or front and rear in ``L_F_Paw``, ``L_R_Paw``.
    """
    return _letters_resolved(_inner_words_resolved([_with_word_sides(words(name)) for name in names]))


def _partners(names: Sequence[str]) -> list[int | None]:
    """Return for each point its place in a mirror; None for a side without exactly one counterpart."""
    points = words_with_sides(names)
    places: dict[Words, list[int]] = defaultdict(list)
    for index, point in enumerate(points):
        places[point].append(index)

    def partner(index: int, point: Words) -> int | None:
        if not _has_side(point):
            return index
        counterparts = places.get(_mirrored(point), [])
        return counterparts[0] if len(counterparts) == len(places[point]) == 1 else None

    return [partner(index, point) for index, point in enumerate(points)]


def _has_side(point: Words) -> bool:
    return any(isinstance(word, Side) for word in point)


def _mirrored(point: Words) -> Words:
    return tuple(word.other if isinstance(word, Side) else word for word in point)


def _with_word_sides(point: Sequence[str]) -> Words:
    """Replace left and right where they stand alone or begin a word."""
    marked: list[str | Side] = []
    for word in point:
        side = next((side for side in Side if word.startswith(side.value)), None)
        if side is None:
            marked.append(word)
            continue
        rest = word.removeprefix(side.value)
        marked += [side, rest] if rest else [side]
    return tuple(marked)


def _inner_words_resolved(points: list[Words]) -> list[Words]:
    """Replace left and right inside words where the list has the counterpart."""
    candidates = [point if _has_side(point) else _with_inner_side(point) for point in points]
    known = set(candidates)
    return [
        candidate if _mirrored(candidate) in known else point
        for point, candidate in zip(points, candidates, strict=True)
    ]


def _with_inner_side(point: Words) -> Words:
    for place, word in enumerate(point):
        for side in Side:
            if isinstance(word, str) and side.value in word:
                before, _, after = word.partition(side.value)
                return (*point[:place], before, side, *([after] if after else []), *point[place + 1 :])
    return point


def _letters_resolved(points: list[Words]) -> list[Words]:
    """Replace the letters L and R where they tell a side."""
    plain = {point for point in points if not _has_side(point)}
    if not all(any(letter in point for point in plain) for letter in _LETTERS):
        return points
    return [_with_letter_sides(point, plain) if point in plain else point for point in points]


def _with_letter_sides(point: Words, plain: set[Words]) -> Words:
    return tuple(
        _LETTERS[word] if isinstance(word, str) and word in _LETTERS and not _enumerates(point, place, plain) else word
        for place, word in enumerate(point)
    )


def _enumerates(point: Words, place: int, plain: set[Words]) -> bool:
    """Return whether the list has the same name with a letter there that means no side."""
    return any((*point[:place], letter, *point[place + 1 :]) in plain for letter in _OTHER_LETTERS)
