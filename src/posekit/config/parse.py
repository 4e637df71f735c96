"""From words of a command line to keys and values, and from values back to text."""

import ast
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from posekit.errors import UnknownSettingError
from posekit.log import LOGGER

# Their values stay as typed: a run may be called "123" or "true".
TEXT_KEYS = frozenset({"name", "project", "out", "datasets_dir", "weights_dir", "runs_dir"})
_WORDS = {"none": None, "true": True, "false": False}
_CLOSING = {"[": "]", "(": ")"}
_PAIR = re.compile(r"(?P<dashes>-{0,2})(?P<key>[A-Za-z_][\w-]*)=(?P<value>.*)", re.DOTALL)

_CLOSING_TO_OPENING = {closing: opening for opening, closing in _CLOSING.items()}


def read_value(key: str, text: str) -> Any:
    """Return the value that `text` stands for: none, true, false, a Python literal, or the text itself."""
    if key in TEXT_KEYS:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of odd escapes in what may be plain text
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def write_value(value: Any) -> str:
    """Return text that `read_value` turns into a None, truth value, number or list again; tuples become lists."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return repr(list(value))
    return str(value)


def read_pair(word: str) -> tuple[str, str] | None:
    """Split ``key=value``; None when `word` has another form.

    ``--key=value`` and a trailing comma are tolerated with a warning.

    Raises:
        UnknownSettingError: the value is empty or has an unmatched bracket.
    """
    match = _PAIR.fullmatch(word)
    if match is None:
        return None
    key, value = match["key"].replace("-", "_"), match["value"].strip()
    if value.endswith(","):
        value = value.rstrip(",").rstrip()
        LOGGER.warning("'%s': the trailing comma is not needed; separate settings by spaces", word)
    if match["dashes"]:
        LOGGER.warning("'%s': dashes are not needed; write %s=%s", word, key, value)
    if not value:
        raise UnknownSettingError(f"'{key}=' has no value: write {key}=VALUE, or {key}=none for the default")
    if _open_bracket(value) or (value[-1] in "])" and _CLOSING_TO_OPENING[value[-1]] not in value):
        raise UnknownSettingError(f"'{word}' has an unmatched bracket: write lists as {key}=[1,2]")
    return key, value


def join_words(words: Sequence[str]) -> list[str]:
    """Join ``key = value``, ``key= value``, ``key =value`` and bracketed values that the shell split at spaces."""
    return _join_brackets(_join_equals(words))


def _join_equals(words: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and _belong_together(joined[-1], word):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _belong_together(word: str, following: str) -> bool:
    if "=" not in word:
        return following.startswith("=")
    match = _PAIR.fullmatch(word)
    return match is not None and not match["value"] and _PAIR.fullmatch(following) is None


def _join_brackets(words: Iterable[str]) -> list[str]:
    joined: list[str] = []
    waiting = False
    for word in words:
        match = _PAIR.fullmatch(word)
        if waiting and match is None:
            joined[-1] += f" {word}"
        else:
            joined.append(word)
        match = _PAIR.fullmatch(joined[-1])
        waiting = match is not None and _open_bracket(match["value"])
    return joined


def _open_bracket(value: str) -> bool:
    """Whether a value that begins with a bracket lacks the closing one."""
    value = value.strip()
    closing = _CLOSING.get(value[:1])
    return closing is not None and value.count(value[0]) > value.count(closing)
