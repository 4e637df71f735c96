"""YOLO label files: one text file per picture, one row per object."""

from posekit.data.label_files.label_file import LabelFile
from posekit.data.label_files.parse import parse_labels
from posekit.data.label_files.rule import LabelRule

__all__ = ["LabelFile", "LabelRule", "parse_labels"]
