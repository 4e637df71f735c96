"""Fonts for labels: the one a user names, else DejaVu Sans, which holds most alphabets."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from posekit.errors import SettingError
from posekit.viz.options import DEFAULT_FONT

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=16)
def load_font(name: str, size: int) -> Font:
    """Load a font at a height in pixels.

    Args:
        name: path of a TrueType file or name of an installed font. The default name is no demand: it
            stands for DejaVu Sans Bold, so that pictures look the same on every machine.
        size: height, pixels.

    Raises:
        SettingError: another font than the default was named and is not found.
    """
    if name == DEFAULT_FONT:
        return _built_in_font(size)
    try:
        return ImageFont.truetype(name, size)
    except OSError as error:
        raise SettingError(f"font {name!r} is not found: give the path of a .ttf or .otf file") from error


def _built_in_font(size: int) -> Font:
    """Return DejaVu Sans Bold from Matplotlib's files, or Pillow's own font where Matplotlib is missing."""
    spec = find_spec("matplotlib")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)
