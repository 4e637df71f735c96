"""The figures of a validation run: curves, matrices, keypoints, and pictures with labels and detections."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posekit.engine.input_pictures import input_pictures
from posekit.engine.scored_batch import ScoredBatch
from posekit.files.whole_file import write_whole
from posekit.metrics.box_pairs import matched_pairs
from posekit.metrics.part import PartMetrics
from posekit.metrics.picture import Found, Truth
from posekit.metrics.report import Metrics
from posekit.models.contract import ValidationModel
from posekit.schema import KeypointSchema
from posekit.viz.plots.batch_picture import MOST_PICTURES, save_batch_picture
from posekit.viz.plots.curve_plots import save_confidence_curve, save_pr_curve
from posekit.viz.plots.keypoint_plot import save_keypoint_plot
from posekit.viz.plots.verdict_picture import Verdict, save_verdict_picture
from posekit.viz.scene import Scene

# Detections below this score are left out of pictures.
DRAWN_SCORE = 0.25


def save_metric_figures(folder: Path, metrics: Metrics) -> None:
    """Write the curves of each part, the confusion matrices, and the plot of keypoints with its table."""
    for kind, part in zip(metrics.kinds, metrics.parts.values(), strict=True):
        names = [metrics.names[int(number)] for number in part.ap_class_index]
        _save_curves(folder, kind.title, part, names)
    for normalize in (True, False):
        metrics.confusion_matrix.plot(normalize=normalize, save_dir=folder)
    if metrics.keypoints is not None:
        save_keypoint_plot(metrics.keypoints.rows(), folder / "keypoints.png")
        write_whole(folder / "keypoints.csv", metrics.keypoints.to_csv().encode())


def save_batch_pictures(
    folder: Path, number: int, scored: ScoredBatch, model: ValidationModel, schema: KeypointSchema | None
) -> None:
    """Write the pictures of a batch, as the network sees them, with their labels and with what was found."""
    pictures, titles = input_pictures(scored.batch.images), [Path(sample.path).name for sample in scored.batch.samples]
    limbs = _drawn_schema(model, schema)
    labels = [_label_scene(truth, model.names, limbs) for truth in scored.truths[:MOST_PICTURES]]
    found = [_found_scene(found, model.names, limbs) for found in scored.founds[:MOST_PICTURES]]
    for scenes, kind in ((labels, "labels"), (found, "pred")):
        path = folder / f"val_batch{number}_{kind}.jpg"
        save_batch_picture(pictures[:MOST_PICTURES], scenes, titles[:MOST_PICTURES], path)


def save_verdicts(folder: Path, scored: ScoredBatch, model: ValidationModel, schema: KeypointSchema | None) -> None:
    """Write each picture with its right, wrong and missing detections, by boxes at an IoU of 0.5."""
    samples = scored.batch.samples
    for picture, sample, truth, found in zip(
        input_pictures(scored.batch.images), samples, scored.truths, scored.founds, strict=True
    ):
        chosen = _drawn(found)
        pairs = matched_pairs(truth, chosen)
        missed, correct = np.ones(len(truth), bool), np.zeros(len(chosen), bool)
        missed[pairs[:, 0]], correct[pairs[:, 1]] = False, True
        verdict = Verdict(
            true_boxes=truth.boxes,
            missed=missed,
            found_boxes=chosen.boxes,
            correct=correct,
            true_labels=[model.names[int(number)] for number in truth.classes],
            found_labels=_scored_labels(chosen, model.names),
            true_keypoints=truth.keypoints,
            found_keypoints=chosen.keypoints,
            schema=_drawn_schema(model, schema),
        )
        save_verdict_picture(picture, verdict, folder / f"{Path(sample.path).stem}.jpg")


def _save_curves(folder: Path, title: str, part: PartMetrics, names: Sequence[str]) -> None:
    path = folder / f"{title}PR_curve.png"
    save_pr_curve(part.px, part.prec_values, part.ap50, names, path, title=f"{title}: precision and recall")
    curves = (("F1", part.f1_curve, "F1"), ("P", part.p_curve, "Precision"), ("R", part.r_curve, "Recall"))
    for short, values, label in curves:
        save_confidence_curve(
            part.px,
            values,
            names,
            folder / f"{title}{short}_curve.png",
            label,
            title=f"{title}: {label} over confidence",
            operating_confidence=part.confidence,
        )


def _drawn_schema(model: ValidationModel, schema: KeypointSchema | None) -> KeypointSchema | None:
    """Return the schema that has limbs to draw: that of the data set, else that of the model."""
    return schema if schema is not None and schema.skeleton else model.schema


def _label_scene(truth: Truth, names: dict[int, str], schema: KeypointSchema | None) -> Scene:
    return Scene(
        color_numbers=truth.classes,
        boxes=truth.boxes,
        labels=[names[int(number)] for number in truth.classes],
        masks=None if truth.masks is None else truth.masks.astype(np.uint8),
        keypoints=truth.keypoints,
        schema=schema,
    )


def _found_scene(found: Found, names: dict[int, str], schema: KeypointSchema | None) -> Scene:
    chosen = _drawn(found)
    return Scene(
        color_numbers=chosen.classes,
        boxes=chosen.boxes,
        labels=_scored_labels(chosen, names),
        masks=None if chosen.masks is None else chosen.masks.astype(np.uint8),
        keypoints=chosen.keypoints,
        schema=schema,
    )


def _drawn(found: Found) -> Found:
    return found.first(int((found.scores > DRAWN_SCORE).sum()))


def _scored_labels(found: Found, names: dict[int, str]) -> list[str]:
    labelled = zip(found.classes.tolist(), found.scores.tolist(), strict=True)
    return [f"{names[number]} {score:.2f}" for number, score in labelled]
