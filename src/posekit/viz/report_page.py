"""`ReportPage`: what a check of a data set found, ready to become a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from posekit.viz.scene import Picture

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A picture that shows a finding.

    Attributes:
        caption: one line under it: the file, and what is to be seen.
        picture: (H, W, 3) uint8 BGR, already drawn on; larger ones are scaled to 720 pixels.
    """

    caption: str
    picture: Picture


@dataclass(frozen=True, kw_only=True, eq=False)
class Finding:
    """One thing that was noticed.

    Attributes:
        severity: "error", "warning" or "note".
        title: what it is.
        explanation: how it was told.
        advice: what to do.
        count: how many places it concerns; 0 is not written.
        examples: the most striking ones first.
    """

    severity: Severity
    title: str
    explanation: str
    advice: str
    count: int
    examples: Sequence[Example] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Chart:
    """A chart under a heading.

    Attributes:
        title: the heading.
        picture: the bytes of a PNG, or the text of an SVG.
        dark: the same for dark screens; None shows `picture` there, too.
    """

    title: str
    picture: bytes | str
    dark: bytes | str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table under a heading; columns that hold numbers only stand at the right.

    Attributes:
        title: the heading.
        header: names of the C columns.
        rows: C values each; None is an empty cell.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportPage:
    """The page, top to bottom. All texts are plain and are escaped: file names may hold markup.

    Attributes:
        title: of the page.
        subtitle: under it, such as the path of the data set.
        summary: (label, value) of the key numbers.
        findings: shown by severity, errors first, else in this order.
        charts: shown two beside each other.
        tables: shown last.
        footer: the last line.
    """

    title: str
    subtitle: str = ""
    summary: Sequence[tuple[str, str]] = ()
    findings: Sequence[Finding] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    footer: str = ""
