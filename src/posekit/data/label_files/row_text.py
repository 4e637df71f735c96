"""The text of a label file, cut into rows and words, and back from a word to its place in the file."""

import re
from dataclasses import dataclass

_WORD = re.compile(rb"[^ \t\n\r\x0b\x0c]+")


@dataclass(frozen=True)
class RowText:
    """The N rows of a label file that are not blank.

    Attributes:
        lines: the bytes of each.
        numbers: the 1-based line number of each.
        words: the blank-separated words of each.
    """

    lines: list[bytes]
    numbers: list[int]
    words: list[list[bytes]]

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, row: int, word: int) -> int:
        """Return the 1-based character at which a word of a row starts."""
        start = [match.start() for match in _WORD.finditer(self.lines[row])][word]
        return len(self.lines[row][:start].decode("utf-8", "replace")) + 1


def cut_rows(data: bytes) -> RowText:
    """Cut the content of a label file, less its byte order mark, into its rows."""
    lines = data.splitlines()
    words = [line.split() for line in lines]
    if all(words):
        return RowText(lines, list(range(1, len(lines) + 1)), words)
    kept = [index for index, found in enumerate(words) if found]
    return RowText([lines[i] for i in kept], [i + 1 for i in kept], [words[i] for i in kept])


def shown(word: bytes) -> str:
    """Return a word as a message may quote it: short and printable."""
    text = word[:24].decode("utf-8", "backslashreplace")
    return f"{text!r}..." if len(word) > 24 else repr(text)
