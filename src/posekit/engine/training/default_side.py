"""The side of training pictures where neither user nor model names one."""

from typing import Final

DEFAULT_SIDE: Final = 640
"""Pixels."""
