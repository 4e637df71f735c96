"""Where a user's configuration and data belong on this operating system."""

import os
import sys
from pathlib import Path


def config_folder() -> Path:
    """Return the folder of posekit's settings file; POSEKIT_CONFIG_DIR overrides the system's habit."""
    chosen = os.environ.get("POSEKIT_CONFIG_DIR")
    if chosen:
        # As written where there is no such user: what cannot be a folder is told when it is used.
        return Path(os.path.expanduser(chosen))  # noqa: PTH111 - Path.expanduser raises there
    return _base("XDG_CONFIG_HOME", ".config", "APPDATA", "AppData/Roaming") / "posekit"


def data_folder() -> Path:
    """Return the folder for files that posekit keeps for a user, such as weights."""
    return _base("XDG_DATA_HOME", ".local/share", "LOCALAPPDATA", "AppData/Local") / "posekit"


def cache_folder() -> Path:
    """Return the folder for what can be made again; POSEKIT_CACHE_DIR overrides the system's habit."""
    chosen = os.environ.get("POSEKIT_CACHE_DIR")
    if chosen:
        return Path(os.path.expanduser(chosen))  # noqa: PTH111 - as above
    return _base("XDG_CACHE_HOME", ".cache", "LOCALAPPDATA", "AppData/Local", "Library/Caches") / "posekit"


def _base(
    xdg: str, xdg_default: str, windows: str, windows_default: str, mac_default: str = "Library/Application Support"
) -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get(windows) or home / windows_default)
    if os.environ.get(xdg):
        return Path(os.environ[xdg])
    return home / (mac_default if sys.platform == "darwin" else xdg_default)
