"""Every setting, once: typed, with default, range, unit and meaning."""

from posekit.config.settings import DEFAULT_CFG

__all__ = ["DEFAULT_CFG"]
