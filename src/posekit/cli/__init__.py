"""The command ``posekit [TASK] MODE [key=value ...]``."""

from posekit.cli.entry import main

__all__ = ["main"]
