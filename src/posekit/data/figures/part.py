"""`Part`, one solid piece of a figure, and `Paint`, how its surface looks."""

from dataclasses import dataclass, replace

from posekit.data.figures.vectors import Vector

Color = tuple[float, float, float]
Widths = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Paint:
    """Surface of a part.

    Attributes:
        base: colour, BGR in 0..255.
        second: colour of the pattern.
        pattern: "plain" or a name in `posekit.data.figures.patterns.PATTERNS`.
        repeats: how often the pattern repeats along the part.
    """

    base: Color
    second: Color = (0.0, 0.0, 0.0)
    pattern: str = "plain"
    repeats: float = 6.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """A tapered capsule with an elliptic section, in the figure's body frame and units.

    Attributes:
        start, end: (3,) ends of the axis.
        side: (3,) unit direction in which `widths` are measured; any for a round part.
        widths: half-widths at 0, 1/3, 2/3 and 1 of the axis.
        flat: half-depth (across the axis and `side`) as a share of the half-width.
        cap: how far the rounded start reaches beyond the axis, as a share of the half-width.
        end_cap: the same of the end; None for as far as the start.
        paint: the surface.
    """

    start: Vector
    end: Vector
    side: Vector
    widths: Widths
    paint: Paint
    flat: float = 1.0
    cap: float = 1.0
    end_cap: float | None = None


def clothed(part: Part, paint: Paint, ease: float) -> Part:
    """Return `part` wrapped in cloth: `ease` wider all round, in body units."""
    w0, w1, w2, w3 = (width + ease for width in part.widths)
    return replace(part, widths=(w0, w1, w2, w3), paint=paint)


def shortened(part: Part, share: float) -> Part:
    """Return the first `share` (0 to 1) of `part`, closed by a flat end such as a hem."""
    w0, w1, w2, w3 = part.widths
    middle = share * 3

    def at(position: float) -> float:
        stops = (w0, w1, w2, w3, w3)
        index = min(int(position), 2)
        return stops[index] + (stops[index + 1] - stops[index]) * (position - index)

    widths = (w0, at(middle / 3), at(2 * middle / 3), at(middle))
    return replace(part, end=part.start + (part.end - part.start) * share, widths=widths, end_cap=0.2)
