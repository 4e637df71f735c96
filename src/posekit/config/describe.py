"""All settings as text: the table of the documentation, the list of one mode, the default file.

``python -m posekit.config.describe`` prints the table as it stands in docs/settings.md.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from posekit.config.commands import CommandSettings, Mode, modes_by_key
from posekit.config.kinds import Settings, defaults_of, settings_of
from posekit.config.parse import write_value
from posekit.version import __version__


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting over all modes that take it: by mode the text of its default and of the values it takes."""

    key: str
    defaults: Mapping[str, str]
    takes: Mapping[str, str]
    meaning: str


def rows() -> list[Row]:
    """Return all settings of all modes, sorted by name."""
    return [_row(key, modes) for key, modes in sorted(modes_by_key().items())]


def markdown_table() -> str:
    """Return the table of docs/settings.md."""
    lines = ["| setting | default | takes | modes | meaning |", "|---|---|---|---|---|"]
    for row in rows():
        cells = (f"`{row.key}`", _by_mode(row.defaults), _by_mode(row.takes), " ".join(row.defaults), row.meaning)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def mode_list(owner: type[Settings]) -> str:
    """Return ``key=default  meaning``, one setting of `owner` per line."""
    pairs = {key: f"{key}={write_value(default)}" for key, default in defaults_of(owner).items()}
    width = max(len(pair) for pair in pairs.values())
    return "\n".join(f"{pair:<{width}}  {_with_unit(owner, key)}" for key, pair in pairs.items())


def default_file() -> str:
    """Return a YAML file of all default settings, fit for ``cfg=``.

    A setting whose default depends on the mode stands in a comment, so that the file changes nothing.
    """
    lines = [f"# Default settings of posekit {__version__}. Use: posekit cfg=default_copy.yaml", ""]
    for key, default in defaults_of(CommandSettings).items():
        if key != "cfg":
            lines.append(f"{key}: {_yaml(write_value(default))}  # {_with_unit(CommandSettings, key)}")
    lines.append("")
    for row in rows():
        if len(set(row.defaults.values())) == 1:
            lines.append(f"{row.key}: {_yaml(next(iter(row.defaults.values())))}  # {row.meaning}")
        else:
            lines.append(f"# {row.key}: {_by_mode(row.defaults)}  # {row.meaning}")
    return "\n".join(lines) + "\n"


def _row(key: str, modes: list[Mode]) -> Row:
    return Row(
        key=key,
        defaults={mode.name: write_value(defaults_of(mode.settings)[key]) for mode in modes},
        takes={mode.name: settings_of(mode.settings)[key].kind.expected for mode in modes},
        meaning=_with_unit(modes[0].settings, key),
    )


def _with_unit(owner: type[Settings], key: str) -> str:
    described = settings_of(owner)[key]
    return f"{described.meaning} ({described.unit})" if described.unit else described.meaning


def _by_mode(texts: Mapping[str, str]) -> str:
    """Return the most common text, then the others with their modes."""
    common = Counter(texts.values()).most_common(1)[0][0]
    others: dict[str, list[str]] = {}
    for mode, text in texts.items():
        if text != common:
            others.setdefault(text, []).append(mode)
    notes = "; ".join(f"{', '.join(modes)}: {text}" for text, modes in others.items())
    return f"{common} ({notes})" if notes else common


def _yaml(text: str) -> str:
    return "null" if text == "none" else text


if __name__ == "__main__":
    print(markdown_table(), end="")
