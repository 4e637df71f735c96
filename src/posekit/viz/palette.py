"""Colours of classes and instances. All colours are BGR, as OpenCV draws them."""

from posekit.viz.scene import Color

# Hues far apart for the first numbers, light and dark in turns so that colour-blind eyes tell neighbours
# apart by brightness; none is close to skin, grass or road.
_CLASS_RGB = (
    "7C4DFF", "FFB300", "00BFA5", "F50057", "2196F3", "C6FF00", "AA00FF", "FF6D00", "18FFFF", "D50000",
    "69F0AE", "304FFE", "FF80AB", "827717", "40C4FF", "6D4C41", "FFFF8D", "00695C", "EA80FC", "546E7A",
)  # fmt: skip

CLASS_COLORS: tuple[Color, ...] = tuple(
    (int(text[4:], 16), int(text[2:4], 16), int(text[:2], 16)) for text in _CLASS_RGB
)

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)
READABLE_CONTRAST = 2.5


def color_of(number: int) -> Color:
    """Return the colour of a class or instance; numbers beyond the palette start it again."""
    return CLASS_COLORS[number % len(CLASS_COLORS)]


def readable_text_color(wanted: Color, background: Color) -> Color:
    """Return `wanted` where it can be read on `background`, else black or white, whichever stands out more."""
    if contrast(wanted, background) >= READABLE_CONTRAST:
        return wanted
    return max(BLACK, WHITE, key=lambda color: contrast(color, background))


def contrast(one: Color, other: Color) -> float:
    """Return the WCAG contrast ratio of two colours, from 1 (none) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    """Return the WCAG relative luminance, 0 to 1."""
    blue, green, red = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (c / 255 for c in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
