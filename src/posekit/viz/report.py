"""A report page as one HTML file that works without a network and without scripts."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from posekit.files.pictures import encode_picture
from posekit.files.writing import write_whole
from posekit.sample import Picture

SEVERITIES = ("error", "warning", "note")  # in the order of the page
LONGEST_SIDE, QUALITY = 720, 84  # of example pictures

# Nothing but what is in the file itself: a name that slipped through could still not call anybody.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Noticed(Protocol):
    """What the page says of one finding."""

    @property
    def severity(self) -> str:
        """One of `SEVERITIES`."""

    @property
    def title(self) -> str:
        """What it is."""

    @property
    def explanation(self) -> str:
        """How it was told."""

    @property
    def advice(self) -> str:
        """What to do."""

    @property
    def count(self) -> int:
        """How many places it concerns; 0 is not written."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chart:
    """A chart under a heading: the bytes of a PNG, and of one for dark screens."""

    title: str
    picture: bytes
    dark: bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table under a heading: C columns with their names; a value of None is an empty cell."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]

    @property
    def number_columns(self) -> set[int]:
        """Columns that hold numbers only, which stand at the right."""
        columns = zip(*self.rows, strict=True)
        return {i for i, column in enumerate(columns) if not any(isinstance(value, str) for value in column)}


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportPage:
    """The page, top to bottom. All texts are plain and are escaped: file names may hold markup.

    Attributes:
        title: of the page.
        subtitle: under it, such as the path of the data set.
        summary: (label, value) of the key numbers.
        findings: each with its examples, the most striking first: a caption, and a picture (H, W, 3) uint8 BGR that
            is drawn on already. Shown by severity, errors first, else in this order.
        charts: shown two beside each other.
        tables: shown last.
        footer: the last line.
    """

    title: str
    subtitle: str = ""
    summary: Sequence[tuple[str, str]] = ()
    findings: Sequence[tuple[Noticed, Sequence[tuple[str, Picture]]]] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    footer: str = ""


def save_report(page: ReportPage, path: str | Path) -> None:
    """Write the page as one HTML file (UTF-8) in one step; folders are made.

    Raises:
        OutputError: the file cannot be written, or a picture has no pixels.
    """
    write_whole(path, report_html(page).encode("utf-8"))


def report_html(page: ReportPage) -> str:
    """Return the whole file: style and pictures inside, light and dark, fit for print."""
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=_visible
    )
    environment.filters |= {"jpeg": _jpeg, "png": partial(_address, "png"), "number": _number}
    folder = files("posekit.viz")
    template = environment.from_string((folder / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        page=page,
        findings=sorted(page.findings, key=lambda finding: SEVERITIES.index(finding[0].severity)),
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),
        policy=POLICY,
    )


def _visible(value: Any) -> Any:
    """Make control characters and undecodable bytes of file names visible; markup is escaped after that."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    whole = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(letter if letter.isprintable() or letter.isspace() else f"\\x{ord(letter):02x}" for letter in whole)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _jpeg(picture: Picture) -> Markup:
    """Return the address of a picture, its longer side at most `LONGEST_SIDE` pixels."""
    height, width = picture.shape[:2]
    scale = LONGEST_SIDE / max(height, width, 1)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _address("jpeg", encode_picture(picture, quality=QUALITY))


def _address(kind: str, data: bytes) -> Markup:
    return Markup("data:image/{};base64,{}").format(kind, base64.b64encode(data).decode("ascii"))
