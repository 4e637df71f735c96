"""Text in figures: names that users chose, made safe to draw."""

from functools import lru_cache
from pathlib import Path

# Matplotlib ships the first; the others hold the alphabets that it lacks, where they are installed.
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans",
    "Malgun Gothic",
    "WenQuanYi Micro Hei",
    "Arial Unicode MS",
    "Noto Sans",
)
MISSING = "\u25a1"  # a box, where no font has the letter
ELLIPSIS = "\u2026"


def drawable(text: str, longest: int = 80) -> str:
    """Return one line that can be drawn: letters without a glyph become a box, a long middle an ellipsis.

    Args:
        text: anything, also with control characters and lone surrogates.
        longest: letters that are kept.
    """
    glyphs = _glyphs()
    letters = (letter if ord(letter) in glyphs else MISSING for letter in one_line(text))
    return shortened("".join(letters), longest)


def one_line(text: str) -> str:
    """Return `text` without control characters, each run of blanks as one."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shortened(text: str, longest: int) -> str:
    """Return `text` with its middle replaced by an ellipsis when it is too long: both ends tell names apart."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return text[: longest - 1 - tail] + ELLIPSIS + text[len(text) - tail :]


@lru_cache(maxsize=1)
def installed_families() -> tuple[str, ...]:
    """Return those of the families that this machine has, the preferred first."""
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return tuple(family for family in FAMILIES if family in known)


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """Return the code points that the installed families can draw, in plain and in bold."""
    from matplotlib.font_manager import FontProperties, fontManager
    from matplotlib.ft2font import FT2Font

    held: set[int] = set()
    for family in installed_families():
        regular, bold = (
            set(FT2Font(str(Path(fontManager.findfont(FontProperties(family=family, weight=weight))))).get_charmap())
            for weight in ("normal", "bold")
        )
        held |= regular & bold
    return frozenset(held)
