"""Writes `predictions.json` row by row, and puts it in place only when it is complete."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from posekit.errors import OutputError
from posekit.files.atomic import replacing
from posekit.log import LOGGER


@contextmanager
def predictions_file(path: Path) -> Iterator["PredictionsFile"]:
    """Give a growing list of predictions; at the end it takes the place of `path`.

    Without any row no file is written. When the block raises, whatever was at `path` stays as it was.

    Args:
        path: the file to write, usually ``predictions.json``.

    Raises:
        OutputError: the file cannot be written.
    """
    with ExitStack() as stack:
        rows = PredictionsFile(path, stack)
        yield rows
        rows.finish()


class PredictionsFile:
    """A JSON list that grows on disk, so that memory does not; made by `predictions_file`.

    Args:
        path: the file to write.
        stack: closes and removes the unfinished file when something fails.

    Attributes:
        count: rows written so far.
        left_out: rows that were not, because JSON has no word for their numbers (NaN, infinity).
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.count = 0
        self.left_out = 0
        self._path = path
        self._stack = stack
        self._file: TextIO | None = None

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows as `coco_rows.prediction_rows` makes them.

        Raises:
            OutputError: the file cannot be written.
        """
        for row in rows:
            try:
                text = json.dumps(row, allow_nan=False)
            except ValueError:
                self.left_out += 1
                continue
            with self._errors_named():
                file = self._file or self._open()
                file.write(f"{', ' if self.count else '['}{text}")
            self.count += 1

    def finish(self) -> None:
        """Close the list and put the file in place.

        Raises:
            OutputError: the file cannot be written.
        """
        if self.left_out:
            LOGGER.warning(f"{self._path.name} lacks {self.left_out} detections with NaN or infinite numbers")
        with self._errors_named():
            if self._file is not None:
                self._file.write("]")
            self._stack.close()

    def _open(self) -> TextIO:
        temporary = self._stack.enter_context(replacing(self._path))
        self._file = self._stack.enter_context(temporary.open("w", encoding="utf-8"))
        return self._file

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror or error}") from error
