"""What the words of a command line mean: task, mode, special command, settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from posekit.cli.commands import SPECIALS, Command
from posekit.config.commands import MODES, TASKS, CommandSettings, modes_by_key
from posekit.config.describe import mode_list
from posekit.config.kinds import Settings, question, settings_of, takes
from posekit.config.parse import join_words, read_pair, read_value
from posekit.config.read import IGNORED, PRECISION_FLAGS, PRECISION_NAMES, RENAMED, read_cfg
from posekit.errors import UnknownSettingError
from posekit.log import LOGGER

# Special commands that also answer to their first letter; of the three with a c, the first has it.
LETTERED = ("help", "checks", "version", "settings", "cfg", "copy-cfg")


def read_command(words: Sequence[str]) -> Command:
    """Return the command that `words` (without the program's name) spell; the order of words is free.

    Raises:
        UnknownSettingError: a word is not known, lacks its value, or contradicts another.
        SettingError: ``task=`` or ``mode=`` is none of the valid ones, or the cfg file cannot be read.
        SettingTypeError: ``model=`` or ``cfg=`` is no text.
    """
    if not words:
        words = ["help"]
    specials: list[str] = []
    given: dict[str, Any] = {}
    reset = False
    for position, word in enumerate(join_words(words)):
        special = _special(word, first=position == 0)
        if special is not None:
            specials.append(special)
        elif word == "reset" and "settings" in specials:
            reset = True
        else:
            key, value = _pair(word) or _bare(word)
            _refuse_second(given, key, value)
            given[key] = value
    own = {key: given.pop(key) for key in settings_of(CommandSettings) if key in given}
    settings = CommandSettings(**(_from_file(own.get("cfg")) | own))
    return Command(special=_only_special(specials), settings=settings, values=given, reset=reset)


def _special(word: str, *, first: bool) -> str | None:
    """Return the special command that `word` names: help, --help, -h, and h as the first word."""
    name = word.removeprefix("--")
    if name in SPECIALS:
        return name
    letter = word.removeprefix("-")
    if len(letter) == 1 and (first or letter != word):
        return next((name for name in LETTERED if name[0] == letter), None)
    return None


def _only_special(specials: Sequence[str]) -> str | None:
    """Return the one special command; help beside another is a question about it."""
    if "help" in specials:
        return "help"
    if len(set(specials)) > 1:
        raise UnknownSettingError(f"'{specials[0]}' and '{specials[1]}' are two commands: give only one")
    return specials[0] if specials else None


def _pair(word: str) -> tuple[str, Any] | None:
    pair = read_pair(word)
    return None if pair is None else (pair[0], read_value(*pair))


def _bare(word: str) -> tuple[str, Any]:
    """Return the setting that a word without ``=`` stands for."""
    if word in TASKS:
        return "task", word
    if word in MODES:
        return "mode", word
    key = word.lstrip("-").replace("-", "_")
    if key in _flags():
        if key != word:
            LOGGER.warning("'%s': dashes are not needed; write %s", word, key)
        return key, True
    if key in _keys():
        raise UnknownSettingError(f"'{word}' needs a value: write {key}=VALUE")
    hint = question(key, [*TASKS, *MODES, *SPECIALS, *sorted(_keys())]) or ": posekit help shows what is"
    raise UnknownSettingError(f"'{word}' is not a known word{hint}")


def _keys() -> set[str]:
    groups: list[type[Settings]] = [CommandSettings, *(special.settings for special in SPECIALS.values())]
    keys = {key for group in groups for key in settings_of(group)}
    return keys | modes_by_key().keys() | {*PRECISION_NAMES, *RENAMED, *IGNORED}


def _flags() -> set[str]:
    """Return the keys that can be true."""
    modes = modes_by_key()
    flags = {key for key, (mode, *_) in modes.items() if takes(settings_of(mode.settings)[key].kind, True)}
    renamed = {key for key, (name, _) in RENAMED.items() if name in flags}
    return flags | renamed | PRECISION_FLAGS.keys() | IGNORED.keys()


def _refuse_second(given: Mapping[str, Any], key: str, value: Any) -> None:
    if key in ("task", "mode") and given.get(key, value) != value:
        raise UnknownSettingError(f"'{given[key]}' and '{value}' are two words for the {key}: give only one")


def _from_file(cfg: Any) -> dict[str, Any]:
    """Return what a cfg file says about task, mode, model and source."""
    content = {} if cfg is None else read_cfg(cfg)
    return {key: value for key, value in content.items() if key in settings_of(CommandSettings) and key != "cfg"}


_USAGE = """\
posekit: pose (keypoint) estimation

Usage
  posekit [TASK] MODE [key=value ...]      the order of words is free

  TASK   {tasks}
  MODE   {modes}
{later}
Examples
  posekit pose predict model=yolo11n-pose.pt source=photo.jpg
  posekit predict model=yolo11n-pose.pt source=video.mp4 conf=0.5 save_txt
  posekit predict source=figures           without pictures of your own

Keys of every mode
{keys}

Other commands
{specials}

--debug shows the traceback of an error. posekit help predict lists the settings of predict."""


def usage() -> str:
    """Return the general help text."""
    later = ", ".join(mode.name for mode in MODES.values() if not mode.available)
    width = max(map(len, SPECIALS))
    return _USAGE.format(
        tasks=" ".join(TASKS),
        modes=" ".join(mode.name for mode in MODES.values() if mode.available),
        later=f"         in later releases: {later}\n" if later else "",
        keys=_indent(mode_list(CommandSettings)),
        specials=_indent("\n".join(f"{name:<{width}}  {special.meaning}" for name, special in SPECIALS.items())),
    )


def mode_usage(name: str) -> str:
    """Return the help text of one mode: its settings with their defaults and meanings."""
    return f"posekit {name} [key=value ...]\n\n{_indent(mode_list(MODES[name].settings))}"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
