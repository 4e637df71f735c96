"""A report page as one HTML file that works without a network and without scripts."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from posekit.files.pictures import encode_picture
from posekit.files.writing import write_whole
from posekit.sample import Picture

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


SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


LONGEST_SIDE, QUALITY = 720, 84


# Nothing but what is in the file itself: a name that slipped through could still not call anybody.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def save_report(page: ReportPage, path: str | Path) -> None:
    """Write the page as one HTML file (UTF-8) in one step; folders are made.

    Raises:
        OutputError: the file cannot be written, or a picture has no pixels.
    """
    write_whole(path, report_html(page).encode("utf-8"))


def report_html(page: ReportPage) -> str:
    """Return the whole file: style and pictures inside, light and dark, fit for print.

    Raises:
        OutputError: a picture has no pixels.
    """
    findings = sorted(page.findings, key=lambda finding: SEVERITIES.index(finding.severity))
    style = (files("posekit.viz") / "report.css").read_text(encoding="utf-8")
    body = [
        "<main>",
        f"<h1>{text(page.title)}</h1>",
        f'<p class="subtitle">{text(page.subtitle)}</p>' if page.subtitle else "",
        _summary(page.summary),
        _overview(findings),
        *(_finding(number, finding) for number, finding in enumerate(findings, 1)),
        _charts(page.charts),
        _tables(page.tables),
        f"<footer>{text(page.footer)}</footer>" if page.footer else "",
        "</main>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escaped(page.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def text(value: str) -> str:
    """Return a text escaped, and kept from turning the direction of what follows."""
    return f"<bdi>{_escaped(value)}</bdi>"


def _escaped(value: str) -> str:
    """Escape markup; control characters and undecodable bytes of file names become visible."""
    whole = value.encode("utf-8", "backslashreplace").decode("utf-8")
    shown = (letter if letter.isprintable() or letter.isspace() else f"\\x{ord(letter):02x}" for letter in whole)
    return html.escape("".join(shown))


def _summary(summary: Sequence[tuple[str, str]]) -> str:
    if not summary:
        return ""
    cells = (f'<div class="card"><dt>{text(label)}</dt><dd>{text(value)}</dd></div>' for label, value in summary)
    return f'<dl class="summary">{"".join(cells)}</dl>'


def _overview(findings: Sequence[Finding]) -> str:
    """Return a list of the findings that leads to each, or the good news."""
    if not findings:
        return '<h2>Findings</h2>\n<p class="card fine">Nothing was found that needs attention.</p>'
    lines = (
        f'<li class="{finding.severity}"><span><span class="chip">{finding.severity}</span></span>'
        f'<a href="#finding-{number}">{text(finding.title)}</a></li>'
        for number, finding in enumerate(findings, 1)
    )
    return f'<h2>Findings</h2>\n<nav class="card"><ol>{"".join(lines)}</ol></nav>'


def _finding(number: int, finding: Finding) -> str:
    count = f'<span class="count">{finding.count:,} in all</span>' if finding.count else ""
    examples = "".join(_example(example) for example in finding.examples)
    return (
        f'<section class="card finding {finding.severity}" id="finding-{number}">'
        f'<header><span class="chip">{finding.severity}</span><h3>{text(finding.title)}</h3>{count}</header>'
        f'<p class="explanation">{text(finding.explanation)}</p>'
        f'<p class="advice"><b>What to do</b> {text(finding.advice)}</p>'
        + (f'<div class="examples">{examples}</div>' if examples else "")
        + "</section>"
    )


def _example(example: Example) -> str:
    """Return a picture with its caption; a click enlarges it, without a script."""
    source = _data_address(encode_picture(_shrunk(example.picture), quality=QUALITY), "image/jpeg")
    caption = _escaped(example.caption)
    return (
        f'<figure><label><input type="checkbox" aria-label="enlarge"><img src="{source}" alt="{caption}"></label>'
        f"<figcaption>{text(example.caption)}</figcaption></figure>"
    )


def _charts(charts: Sequence[Chart]) -> str:
    if not charts:
        return ""
    return f'<h2>The data set in charts</h2>\n<div class="charts">{"".join(_chart(chart) for chart in charts)}</div>'


def _chart(chart: Chart) -> str:
    image = f'<img src="{_chart_address(chart.picture)}" alt="{_escaped(chart.title)}">'
    if chart.dark is not None:
        media = "screen and (prefers-color-scheme: dark)"
        image = f'<picture><source media="{media}" srcset="{_chart_address(chart.dark)}">{image}</picture>'
    return f'<section class="card chart"><h3>{text(chart.title)}</h3>{image}</section>'


def _tables(tables: Sequence[Table]) -> str:
    if not tables:
        return ""
    return "<h2>Tables</h2>\n" + "".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.header)
    kinds = [' class="number"' if _holds_numbers(column) else "" for column in columns]
    head = "".join(f"<th{kind}>{text(name)}</th>" for name, kind in zip(table.header, kinds, strict=True))
    rows = "".join(
        f"<tr>{''.join(f'<td{kind}>{_cell(value)}</td>' for value, kind in zip(row, kinds, strict=True))}</tr>"
        for row in table.rows
    )
    return (
        f'<section class="card table"><h3>{text(table.title)}</h3>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _holds_numbers(column: Sequence[str | int | float | None]) -> bool:
    return len(column) > 0 and not any(isinstance(value, str) for value in column)


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return text(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _shrunk(picture: Picture) -> Picture:
    """Return the picture with its longer side at most `LONGEST_SIDE` pixels."""
    height, width = picture.shape[:2]
    scale = LONGEST_SIDE / max(height, width, 1)
    if scale >= 1:
        return picture
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _chart_address(picture: bytes | str) -> str:
    if isinstance(picture, str):
        return _data_address(picture.encode("utf-8"), "image/svg+xml")
    return _data_address(picture, "image/png")


def _data_address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
