"""Detections as rows of `predictions.json`, the form that COCO's evaluators read."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from posekit.data.coco.categories import COCO_IDS
from posekit.errors import DatasetError
from posekit.files.writing import naming_errors, replacing
from posekit.log import LOGGER

Row = dict[str, Any]
Floats = NDArray[np.floating[Any]]

COCO_SPLIT_ENDINGS = ("val2017.txt", "test-dev2017.txt")

# A longer run of digits in a file name is no picture number; it stays text.
MOST_ID_DIGITS = 18


def prediction_rows(
    file_name: str,
    boxes: Floats,
    scores: Floats,
    classes: NDArray[Any],
    keypoints: Floats | None = None,
    masks: NDArray[np.uint8] | NDArray[np.bool_] | None = None,
    category_ids: Mapping[int, int] | None = None,
) -> list[Row]:
    """Return one row per detection, in the order given.

    Boxes are rounded to 3 decimals and scores to 5; keypoints are not rounded.

    Args:
        file_name: picture file; its name without folders and ending is the picture's id.
        boxes: (N, 4) corners x1 y1 x2 y2 in pixels of the original picture, clipped to it.
        scores: (N,) 0 to 1.
        classes: (N,) class numbers.
        keypoints: (N, K, 2 or 3) x, y [, confidence] in the same pixels, clipped likewise.
        masks: (N, h, w) over the original picture, nonzero inside.
        category_ids: category id of each class number; None for class number + 1.

    Raises:
        DatasetError: a class has no category id.
    """
    if len(boxes) == 0:
        return []
    categories = [category_of(int(number), category_ids) for number in classes]
    name, identity = PurePath(file_name).name, picture_id(file_name)
    rows: list[Row] = [
        {"image_id": identity, "file_name": name, "category_id": category, "bbox": box, "score": score}
        for category, box, score in zip(
            categories, placed_boxes(boxes).tolist(), rounded_scores(scores).tolist(), strict=True
        )
    ]
    if keypoints is not None:
        for row, values in zip(rows, keypoints.reshape(len(rows), -1).tolist(), strict=True):
            row["keypoints"] = values
    if masks is not None:
        for row, mask in zip(rows, masks, strict=True):
            row["segmentation"] = run_lengths(mask)
    return rows


def placed_boxes(corners: Floats) -> NDArray[np.float64]:
    """Return corners (N, 4) as x, y, width, height with 3 decimals."""
    boxes = np.asarray(corners, np.float64).reshape(-1, 4)
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).round(3)


def rounded_scores(scores: Floats) -> NDArray[np.float64]:
    """Return scores with 5 decimals."""
    return np.asarray(scores, np.float64).round(5)


def category_of(number: int, category_ids: Mapping[int, int] | None) -> int:
    """Return the category id of a class number, without `category_ids` the next number; or say that it has none."""
    if category_ids is None:
        return number + 1
    if number not in category_ids:
        raise DatasetError(f"class {number} has no category id; classes with one are {sorted(category_ids)}")
    return category_ids[number]


def picture_id(file_name: str) -> int | str:
    """Return a picture's id: its file name without folders and ending, as a number when it is all digits."""
    stem = PurePath(file_name).stem
    return int(stem) if stem.isdecimal() and len(stem) <= MOST_ID_DIGITS else stem


def run_lengths(mask: NDArray[np.uint8] | NDArray[np.bool_]) -> Row:
    """Return a mask (h, w), nonzero inside, as COCO's compressed run lengths: ``size`` [h, w], ``counts`` text."""
    from hotcoco.mask import encode

    encoded = encode(np.asarray(mask != 0))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def is_coco_split(split: str) -> bool:
    """Whether the path of a split is that of COCO's own list of validation or test pictures."""
    return "coco" in split and split.endswith(COCO_SPLIT_ENDINGS)


def category_ids_of(split: str | Sequence[str], class_count: int) -> dict[int, int]:
    """Return the category id of each class number: COCO's own on COCO's splits, else class number + 1.

    Args:
        split: the entry of the split in the dataset YAML; only a single path can be COCO's own.
        class_count: number of classes; COCO's own numbers fit up to 80.
    """
    official = isinstance(split, str) and is_coco_split(split) and class_count <= len(COCO_IDS)
    return {number: COCO_IDS[number] if official else number + 1 for number in range(class_count)}


@contextmanager
def predictions_file(path: Path) -> Iterator["PredictionsFile"]:
    """Give a growing list of predictions; at the end it takes the place of `path`, usually ``predictions.json``.

    Without any row no file is written. When the block raises, whatever was at `path` stays as it was.

    Raises:
        OutputError: the file cannot be written.
    """
    with ExitStack() as stack:
        rows = PredictionsFile(path, stack)
        yield rows
        rows.finish()


class PredictionsFile:
    """A JSON list that grows on disk, so that memory does not; made by `predictions_file`.

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
        """Append rows as `prediction_rows` makes them."""
        for row in rows:
            try:
                text = json.dumps(row, allow_nan=False)
            except ValueError:
                self.left_out += 1
                continue
            with naming_errors(self._path):
                file = self._file or self._open()
                file.write(f"{', ' if self.count else '['}{text}")
            self.count += 1

    def finish(self) -> None:
        """Close the list and put the file in place."""
        if self.left_out:
            LOGGER.warning(f"{self._path.name} lacks {self.left_out} detections with NaN or infinite numbers")
        with naming_errors(self._path):
            if self._file is not None:
                self._file.write("]")
            self._stack.close()

    def _open(self) -> TextIO:
        temporary = self._stack.enter_context(replacing(self._path))
        self._file = self._stack.enter_context(temporary.open("w", encoding="utf-8"))
        return self._file
