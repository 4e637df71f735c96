"""Colours of classes and instances. All colours are BGR, as OpenCV draws them."""

from posekit.viz.scene import Color

# Each colour was chosen far from all before it, for normal and for red-green blind eyes alike
# (tests/viz measures both); the first are the liveliest.
_CLASS_RGB = (
    "7C4DFF", "FFD600", "00796B", "D50000", "F8BBD0", "40C4FF", "0D47A1", "FF6D00", "FF4081", "00C853",
    "1B5E20", "FFFF8D", "2196F3", "FFE0B2", "90A4AE", "4DD0E1", "6200EA", "6D4C41", "F50057", "69F0AE",
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
