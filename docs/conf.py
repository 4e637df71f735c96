"""Sphinx configuration: ``python -m sphinx -W -b html docs docs/_build/html``."""

import sys
from pathlib import Path

# The site describes this tree, whether or not a posekit is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from posekit.version import __version__

project = "posekit"
author = "The posekit authors"
project_copyright = "2026, The posekit authors; Apache License 2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_heading_anchors = 3

# Docstrings put names into single backticks; a name that leads nowhere stays as it is.
default_role = "py:obj"
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 90

html_theme = "furo"
html_title = f"posekit {__version__}"
