"""The help texts."""

from posekit.config.commands import SPECIALS, CommandSettings
from posekit.config.describe import mode_list
from posekit.config.modes import MODES, TASKS

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
    specials = list(SPECIALS.values())
    width = max(len(special.name) for special in specials)
    return _USAGE.format(
        tasks=" ".join(TASKS),
        modes=" ".join(mode.name for mode in MODES.values() if mode.available),
        later=f"         in later releases: {later}\n" if later else "",
        keys=_indent(mode_list(CommandSettings)),
        specials=_indent("\n".join(f"{special.name:<{width}}  {special.meaning}" for special in specials)),
    )


def mode_usage(name: str) -> str:
    """Return the help text of one mode: its settings with their defaults and meanings."""
    return f"posekit {name} [key=value ...]\n\n{_indent(mode_list(MODES[name].settings))}"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
