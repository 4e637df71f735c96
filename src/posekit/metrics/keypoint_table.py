"""The per-keypoint errors as text for the console."""

from collections.abc import Sequence

from posekit.metrics.tabular import Row

TITLES = {
    "labelled": "Points",
    "oks": "OKS",
    "pck_0.05": "PCK@.05",
    "pck_0.1": "PCK@.1",
    "pck_0.2": "PCK@.2",
    "mean_error": "Error",
    "median_error": "Median",
    "swap_rate": "Swapped",
    "conf_visible": "Visible",
    "conf_hidden": "Hidden",
}
NARROW, WIDEST_NAME = 9, 40


def table_lines(rows: Sequence[Row]) -> list[str]:
    """Return a header and one line per keypoint, from `PerKeypoint.rows`.

    Columns are those of `TITLES`; `Visible` and `Hidden` are mean confidences. A dash stands where nothing was counted.
    """
    width = min(max((len(row["keypoint"]) for row in rows), default=0), WIDEST_NAME)
    width = max(width, len("Keypoint"))
    header = "Keypoint".rjust(width) + "".join(title.rjust(NARROW) for title in TITLES.values())
    return [header, *(_line(row, width) for row in rows)]


def worst_line(worst: Sequence[Row]) -> str:
    """Return one line that names the worst keypoints, from `PerKeypoint.worst`."""
    if not worst:
        return "Worst keypoints: none, as no labelled object was found"
    return "Worst keypoints by OKS: " + ", ".join(_short(row) for row in worst)


def _line(row: Row, width: int) -> str:
    name = row["keypoint"]
    name = name if len(name) <= width else f"{name[: width - 3]}..."
    return name.rjust(width) + "".join(_cell(row[key]).rjust(NARROW) for key in TITLES)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:d}" if isinstance(value, int) else f"{value:.3f}"


def _short(row: Row) -> str:
    swapped = row["swap_rate"]
    aside = f" ({swapped:.0%} left/right swapped)" if swapped and swapped >= 0.005 else ""
    return f"{row['keypoint']} {row['oks']:.3f}{aside}"
