"""Writes what a validation run was asked to save."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from posekit.engine import distributed
from posekit.engine.label_names import label_names
from posekit.engine.scored_batch import ScoredBatch
from posekit.engine.validation import ValidationRun
from posekit.engine.validation_figures import save_batch_pictures, save_metric_figures, save_verdicts
from posekit.errors import OutputError
from posekit.io.run_folder import make_run_folder
from posekit.metrics.coco_rows import Row, category_ids_of, prediction_rows
from posekit.metrics.predictions_file import PredictionsFile, predictions_file
from posekit.metrics.report import Metrics
from posekit.models.contract import ValidationModel
from posekit.results import Results
from posekit.results.base import as_numpy

# So many batches are drawn.
DRAWN_BATCHES = 3


class ValidationWriter:
    """Saves figures, drawn pictures, label files and predictions below one run folder.

    The folder is made at once, and only if anything is to be saved. Of several processes each saves the label
    files of its pictures, and the first everything else.

    Args:
        run: the run.
        model: the model.
        category_ids: COCO category id of each class number; None for the usual ones.
    """

    def __init__(self, run: ValidationRun, model: ValidationModel, category_ids: dict[int, int] | None) -> None:
        self._run = run
        self._model = model
        self._settings = run.settings
        self._category_ids = category_ids or category_ids_of(run.split.source, len(model.names))
        self._label_names: dict[str, str] = {}
        if self._settings.save_txt:
            self._label_names = label_names((picture.path for picture in run.split.pictures), run.split.folder)
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

    def rows(self, result: Results) -> list[Row]:
        """Return the rows of ``predictions.json`` of one picture."""
        if result.boxes is None:
            return []
        boxes = as_numpy(result.boxes.data)
        return prediction_rows(
            result.path,
            boxes[:, :4],
            boxes[:, 4],
            boxes[:, 5],
            None if result.keypoints is None else as_numpy(result.keypoints.data),
            None if result.masks is None else as_numpy(result.masks.data),
            self._category_ids,
        )

    def write(self, scored: ScoredBatch, originals: Sequence[Results] | None, rows: Sequence[Sequence[Row]]) -> None:
        """Save what is wanted of one batch.

        Args:
            scored: truth and detections.
            originals: the detections in pixels of the original pictures, where `needs_originals` says so.
            rows: their rows of ``predictions.json``.

        Raises:
            OutputError: something cannot be written.
        """
        if self.folder is None:
            return
        if self._settings.save_txt and originals is not None:
            for result in originals:
                self._write_labels(self.folder / "labels", result)
        if self._settings.save_json:
            for its_rows in rows:
                self._add_predictions(its_rows)
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

    def _write_labels(self, folder: Path, result: Results) -> None:
        path = folder / f"{self._label_names[result.path]}.txt"
        try:
            path.unlink(missing_ok=True)  # a split may name a picture twice, and rows are appended
            result.save_txt(path, save_conf=self._settings.save_conf)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error

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
