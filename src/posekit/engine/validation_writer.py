"""Writes what a validation run was asked to save."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from torch import Tensor

from posekit.engine import distributed
from posekit.engine.scoring import ScoredBatch
from posekit.engine.validation_run import ValidationRun
from posekit.files.writing import make_run_folder, naming_errors, write_whole
from posekit.metrics.coco_rows import PredictionsFile, Row, category_ids_of, prediction_rows, predictions_file
from posekit.metrics.matching import matched_pairs
from posekit.metrics.parts import Truth
from posekit.metrics.report import Metrics, PartMetrics
from posekit.models.contract import Model
from posekit.results.detected import Arrays, results_of
from posekit.sample import Picture, Sample
from posekit.schema.schema import KeypointSchema
from posekit.viz.draw import Scene
from posekit.viz.mosaics import MOST_PICTURES, Verdict, save_batch_picture, save_verdict_picture
from posekit.viz.validation_charts import save_confidence_curve, save_keypoint_plot, save_pr_curve

# Detections below this score are left out of pictures.
DRAWN_SCORE = 0.25
# So many batches are drawn.
DRAWN_BATCHES = 3


def label_names(pictures: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the stem of the label file of each picture, unique in one flat folder.

    Args:
        pictures: paths of picture files below `folder`.
        folder: names of its sub-folders are joined with ``_``.

    Returns:
        By picture; of several pictures with the same stem (``a.jpg``, ``a.png``) the later ones get -2, -3, ...
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for picture in pictures:
        if picture in names:
            continue
        stem = "_".join(Path(picture).relative_to(folder).with_suffix("").parts)
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        names[picture] = name
    return names


def input_pictures(images: Tensor) -> list[Picture]:
    """Return network inputs (B, 3, H, W) RGB, uint8 or float in [0, 1], as B pictures (H, W, 3) uint8 BGR."""
    stack = images.permute(0, 2, 3, 1).cpu().numpy()
    if stack.dtype != np.uint8:
        stack = (stack * 255).round().astype(np.uint8)
    return [np.ascontiguousarray(picture[..., ::-1]) for picture in stack]


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
    folder: Path, number: int, scored: ScoredBatch, model: Model, schema: KeypointSchema | None
) -> None:
    """Write the pictures of a batch, as the network sees them, with their labels and with what was found."""
    pictures, titles = input_pictures(scored.batch.images), [Path(sample.path).name for sample in scored.batch.samples]
    limbs = _drawn_schema(model, schema)
    labels = [_label_scene(truth, model.names, limbs) for truth in scored.truths[:MOST_PICTURES]]
    found = [_found_scene(found, model.names, limbs) for found in scored.founds[:MOST_PICTURES]]
    for scenes, kind in ((labels, "labels"), (found, "pred")):
        path = folder / f"val_batch{number}_{kind}.jpg"
        save_batch_picture(pictures[:MOST_PICTURES], scenes, titles[:MOST_PICTURES], path)


def save_verdicts(folder: Path, scored: ScoredBatch, model: Model, schema: KeypointSchema | None) -> None:
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


def _drawn_schema(model: Model, schema: KeypointSchema | None) -> KeypointSchema | None:
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


def _found_scene(found: Arrays, names: dict[int, str], schema: KeypointSchema | None) -> Scene:
    chosen = _drawn(found)
    return Scene(
        color_numbers=chosen.classes,
        boxes=chosen.boxes,
        labels=_scored_labels(chosen, names),
        masks=None if chosen.masks is None else chosen.masks.astype(np.uint8),
        keypoints=chosen.keypoints,
        schema=schema,
    )


def _drawn(found: Arrays) -> Arrays:
    return found.take(slice(int((found.scores > DRAWN_SCORE).sum())))


def _scored_labels(found: Arrays, names: dict[int, str]) -> list[str]:
    labelled = zip(found.classes.tolist(), found.scores.tolist(), strict=True)
    return [f"{names[number]} {score:.2f}" for number, score in labelled]


class ValidationWriter:
    """Saves figures, drawn pictures, label files and predictions below one run folder.

    The folder is made at once, and only if anything is to be saved. Of several processes each saves the label
    files of its pictures, and the first everything else.

    Args:
        run: the run.
        model: the model.
        category_ids: COCO category id of each class number; None for the usual ones.
    """

    def __init__(self, run: ValidationRun, model: Model, category_ids: dict[int, int] | None) -> None:
        self._run = run
        self._model = model
        self._settings = run.settings
        self._category_ids = category_ids or category_ids_of(run.split.source, len(model.names))
        self._label_names: dict[str, str] = {}
        if self._settings.save_txt:
            self._label_names = label_names(run.split.pictures.paths, run.split.folder)
        self._stack = ExitStack()
        self._predictions: PredictionsFile | None = None
        self._kept: list[Row] = []
        self._batches = 0
        self.folder: Path | None = None

    @property
    def needs_originals(self) -> bool:
        """Whether detections in pixels of the original pictures are saved."""
        return self._settings.save_json or self._settings.save_txt

    def __enter__(self) -> "ValidationWriter":
        wanted = self._settings
        if any((wanted.plots, wanted.save_json, wanted.save_txt)):
            first = distributed.rank() == 0
            made = make_run_folder(self._run.base, wanted.name or "val", wanted.exist_ok) if first else None
            self.folder = distributed.gather(made)[0]
            if first:
                self._prepare(self.folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish_predictions()
        self._stack.__exit__(kind, error, trace)

    def write(self, scored: ScoredBatch, originals: Sequence[Arrays] | None) -> None:
        """Save what is wanted of one batch.

        Args:
            scored: truth and detections.
            originals: the detections in pixels of the original pictures, where `needs_originals` says so.

        Raises:
            OutputError: something cannot be written.
        """
        if self.folder is None:
            return
        for sample, detected in zip(scored.batch.samples, originals or (), strict=False):
            if self._settings.save_txt:
                self._write_labels(self.folder / "labels", sample, detected)
            if self._settings.save_json:
                self._add_predictions(self._rows(sample, detected))
        if self._settings.plots and distributed.rank() == 0:
            if self._batches < DRAWN_BATCHES:
                save_batch_pictures(self.folder, self._batches, scored, self._model, self._run.split.schema)
            if self._settings.visualize:
                save_verdicts(self.folder / "visualizations", scored, self._model, self._run.split.schema)
        self._batches += 1

    def write_figures(self, metrics: Metrics) -> None:
        """Draw curves, confusion matrices and the plot of keypoints."""
        if self.folder is not None and self._settings.plots:
            save_metric_figures(self.folder, metrics)

    def _prepare(self, folder: Path | None) -> None:
        if folder is None:
            return
        for old in (folder / "labels").glob("*.txt"):  # of an earlier run with exist_ok
            old.unlink()
        if self._settings.save_json:
            self._predictions = self._stack.enter_context(predictions_file(folder / "predictions.json"))

    def _write_labels(self, folder: Path, sample: Sample, detected: Arrays) -> None:
        path = folder / f"{self._label_names[sample.path]}.txt"
        result = results_of(detected, sample, self._model.names, self._model.schema)
        with naming_errors(f"{path}:"):
            path.unlink(missing_ok=True)  # a split may name a picture twice, and rows are appended
            result.save_txt(path, save_conf=self._settings.save_conf)

    def _rows(self, sample: Sample, detected: Arrays) -> list[Row]:
        """Return the rows of ``predictions.json`` of one picture."""
        return prediction_rows(
            sample.path,
            detected.boxes,
            detected.scores,
            detected.classes,
            detected.keypoints,
            detected.masks,
            self._category_ids,
        )

    def _add_predictions(self, rows: Sequence[Row]) -> None:
        if self._predictions is not None:
            self._predictions.add(rows)
        else:
            self._kept.extend(rows)

    def _finish_predictions(self) -> None:
        """Let the first process write the rows of the others."""
        if not self._settings.save_json:
            return
        for rows in distributed.gather(self._kept)[1:]:
            if self._predictions is not None:
                self._predictions.add(rows)
