"""Figures of a validation run: curves, confusion matrices, keypoint bars, mosaics and verdicts."""

from posekit.viz.plots.batch_picture import save_batch_picture
from posekit.viz.plots.confusion_plot import save_confusion_matrix
from posekit.viz.plots.curve_plots import save_confidence_curve, save_pr_curve
from posekit.viz.plots.keypoint_plot import save_keypoint_plot
from posekit.viz.plots.verdict_picture import Verdict, draw_verdict, save_verdict_picture

__all__ = [
    "Verdict",
    "draw_verdict",
    "save_batch_picture",
    "save_confidence_curve",
    "save_confusion_matrix",
    "save_keypoint_plot",
    "save_pr_curve",
    "save_verdict_picture",
]
