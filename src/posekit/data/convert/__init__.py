"""Annotations of other programs become data sets; label sets are merged."""

from posekit.data.convert.convert import convert_labels

__all__ = ["convert_labels"]
