"""The table that validation prints: a header, a row for all classes, a row per class."""

from collections.abc import Sequence
from math import isnan

from posekit.metrics.report import Metrics

WIDTHS = (22, 11)


def header(metrics: Metrics) -> str:
    """Return the line of column titles."""
    titles = ["Images", "Instances"]
    for kind in metrics.kinds:
        titles += [f"{kind.title}(P", "R", "mAP50", "mAP50-95)"]
    return _line("Class", titles)


def rows(metrics: Metrics, *, per_class: bool) -> list[str]:
    """Return the row of all classes, and with `per_class` one for every labelled class of a model that has several."""
    lines = [_row("all", metrics.seen, int(metrics.nt_per_class.sum()), metrics.mean_results())]
    if per_class and len(metrics.names) > 1:
        lines += [
            _row(metrics.names[number], metrics.nt_per_image[number], metrics.nt_per_class[number], values)
            for number, values in ((int(c), metrics.class_result(i)) for i, c in enumerate(metrics.ap_class_index))
        ]
    return lines


def _row(name: str, pictures: int, objects: int, values: Sequence[float]) -> str:
    scores = ("-" if isnan(value) else f"{value:.3g}" for value in values)
    return _line(name, [f"{pictures:d}", f"{objects:d}", *scores])


def _line(first: str, others: Sequence[str]) -> str:
    wide, narrow = WIDTHS
    return first.rjust(wide) + "".join(text.rjust(narrow) for text in others)
