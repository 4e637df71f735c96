"""Curves over recall and over confidence, one line per class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posekit.errors import ShapeError
from posekit.viz.plots.figure import (
    LIGHT,
    SMALL,
    TEXT,
    add_axes,
    add_title,
    line_color,
    name_axes,
    new_figure,
    save_figure,
    say_nothing_to_show,
)
from posekit.viz.plots.lettering import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = NDArray[np.float64]

WIDTH, HEIGHT = 900, 600
MOST_NAMED_CLASSES = 20
LONGEST_NAME = 22
# Beyond the first colours they look more alike: dashes tell these lines apart as well.
SOLID_LINES = 10


def save_pr_curve(
    recall: ArrayLike,
    precision: ArrayLike,
    ap50: ArrayLike,
    names: Sequence[str],
    path: str | Path,
    *,
    title: str = "Precision and recall",
) -> None:
    """Write the precision-recall figure, a PNG of 1350 x 900 pixels.

    2 to 20 classes have a coloured line and a name, more are thin and grey; their mean is bold.

    Args:
        recall: (P,) increasing, 0 to 1.
        precision: (C, P) envelope per class, 0 to 1.
        ap50: (C,) average precision per class.
        names: C class names.
        path: where to; folders are made.
        title: of the figure.

    Raises:
        ShapeError: the lengths do not fit together.
        OutputError: the file cannot be written.
    """
    x, curves, scores = np.asarray(recall, float), np.asarray(precision, float), np.asarray(ap50, float)
    curves = _checked(x, curves, names)
    if scores.shape != (len(names),):
        raise ShapeError(f"ap50 has shape {scores.shape}, but there are {len(names)} class names")
    _save_curves(
        _CurvePlot(
            x=x,
            curves=curves,
            names=[drawable(name, LONGEST_NAME) for name in names],
            scores=scores,
            mean_score=float(scores.mean()) if len(names) else 0.0,
            # The best class first, as the lines lie above each other.
            order=np.argsort(-scores, kind="stable").tolist(),
            title=title,
            note=f"mAP50 {scores.mean():.3f}, {_drawn(names)}" if len(names) else "",
            axes=("Recall", "Precision"),
        ),
        path,
    )


def save_confidence_curve(
    confidence: ArrayLike,
    values: ArrayLike,
    names: Sequence[str],
    path: str | Path,
    label: str,
    *,
    title: str | None = None,
    operating_confidence: float | None = None,
) -> None:
    """Write the figure of F1, precision or recall over confidence, a PNG of 1350 x 900 pixels.

    Lines as in `save_pr_curve`; the legend gives each class's value at the operating point, else its largest.

    Args:
        confidence: (P,) increasing, 0 to 1.
        values: (C, P) per class, 0 to 1.
        names: C class names.
        path: where to; folders are made.
        label: what the values are: "F1", "Precision", "Recall".
        title: of the figure; None names label and confidence.
        operating_confidence: marked when given: the confidence at which the scores of the run are read.

    Raises:
        ShapeError: the lengths do not fit together.
        OutputError: the file cannot be written.
    """
    x = np.asarray(confidence, float)
    curves = _checked(x, np.asarray(values, float), names)
    scores, mean_score, note, mark = np.zeros(len(curves)), 0.0, "", None
    if curves.size:
        mean = curves.mean(axis=0)
        at = None if operating_confidence is None else int(np.abs(x - operating_confidence).argmin())
        shown = int(mean.argmax()) if at is None else at
        scores, mean_score = curves.max(axis=1) if at is None else curves[:, at], float(mean[shown])
        mark = None if at is None else (float(x[at]), float(mean[at]))
        word = "highest" if at is None else label
        note = f"{word} {mean_score:.3f} at confidence {x[shown]:.3f}, {_drawn(names)}"
    _save_curves(
        _CurvePlot(
            x=x,
            curves=curves,
            names=[drawable(name, LONGEST_NAME) for name in names],
            scores=scores,
            mean_score=mean_score,
            order=range(len(names)),
            title=f"{label} by confidence" if title is None else title,
            note=note,
            axes=("Confidence", label),
            mark=mark,
        ),
        path,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _CurvePlot:
    """What is drawn: x (P,), curves (C, P), and per class a name, a score for the legend and a place in it.

    `mean_score` is the legend's score of their mean, `mark` the operating point, x and y.
    """

    x: Curves
    curves: Curves
    names: Sequence[str]
    scores: Curves
    mean_score: float
    order: Sequence[int]
    title: str
    note: str
    axes: tuple[str, str]
    mark: tuple[float, float] | None = None


def _save_curves(plot: _CurvePlot, path: str | Path) -> None:
    """Draw the classes, their mean, and the operating point."""
    figure = new_figure(WIDTH, HEIGHT)
    with_legend = 1 < len(plot.names) <= MOST_NAMED_CLASSES
    axes = add_axes(figure, (72, 84, 560 if with_legend else WIDTH - 72 - 48, HEIGHT - 84 - 64))
    add_title(figure, plot.title, plot.note)
    name_axes(axes, *plot.axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    if plot.curves.size:
        if len(plot.names) <= MOST_NAMED_CLASSES:
            _draw_named(axes, plot)
        else:
            axes.plot(plot.x, plot.curves.T, color=LIGHT.quiet, linewidth=0.7, linestyle="-", alpha=0.8, clip_on=False)
        _draw_mean(axes, plot)
        if with_legend:
            _add_legend(axes)
    else:
        say_nothing_to_show(axes, "no labelled objects: there is nothing to measure")
    save_figure(figure, path)


def _draw_named(axes: "Axes", plot: _CurvePlot) -> None:
    """Draw one coloured line per class with a label ``0.812  name``."""
    for i in plot.order:
        axes.plot(
            plot.x,
            plot.curves[i],
            color=line_color(i),
            linewidth=3.0 if len(plot.names) == 1 else 1.6,
            linestyle="-" if i < SOLID_LINES else (0, (5, 1.5)),
            label=f"{plot.scores[i]:.3f}  {plot.names[i]}",
            clip_on=False,
        )


def _draw_mean(axes: "Axes", plot: _CurvePlot) -> None:
    """Draw the mean of several classes, and the operating point on it."""
    if len(plot.names) > 1:
        label = f"{plot.mean_score:.3f}  all classes"
        mean = plot.curves.mean(axis=0)
        axes.plot(plot.x, mean, color=LIGHT.ink, linewidth=3, linestyle="-", clip_on=False, label=label)
    if plot.mark is not None:
        axes.axvline(plot.mark[0], color=LIGHT.muted, linewidth=1, linestyle=(0, (4, 3)), zorder=1.5)
        axes.plot(
            *plot.mark, "o", color=LIGHT.ink, markersize=8, markeredgecolor=LIGHT.paper, markeredgewidth=1.5, zorder=5
        )


def _add_legend(axes: "Axes") -> None:
    """Write the legend right of the axes."""
    handles, labels = axes.get_legend_handles_labels()
    # The mean was drawn last, to lie on top, but is read first.
    axes.legend(
        [handles[-1], *handles[:-1]],
        [labels[-1], *labels[:-1]],
        loc="upper left",
        bbox_to_anchor=(1.03, 1.015),
        frameon=False,
        fontsize=SMALL if len(labels) > MOST_NAMED_CLASSES // 2 else TEXT,
        labelcolor=LIGHT.ink,
        handlelength=1.6,
        labelspacing=0.45,
    )


def _drawn(names: Sequence[str]) -> str:
    """Return what the bold line is, for the note under the title."""
    return drawable(names[0], 60) if len(names) == 1 else f"mean of {len(names)} classes (bold)"


def _checked(x: Curves, curves: Curves, names: Sequence[str]) -> Curves:
    """Return (C, P) curves, also for none.

    Raises:
        ShapeError: they fit neither the x axis nor the names.
    """
    if not len(names) and not curves.size:
        return np.zeros((0, len(x)))
    if x.ndim != 1 or curves.shape != (len(names), len(x)):
        raise ShapeError(
            f"curves of shape {curves.shape} do not fit {len(names)} class names and an x axis of shape {x.shape}"
        )
    return curves
