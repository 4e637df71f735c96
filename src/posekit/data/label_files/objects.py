"""Rows of numbers to the parts of objects."""

from dataclasses import dataclass

import numpy as np

from posekit.data.label_files.forms import Form
from posekit.data.label_files.numbers import Floats, Numbers
from posekit.data.label_files.rule import LabelRule


@dataclass(frozen=True, eq=False)
class RawObjects:
    """N objects as a file states them, not yet checked; coordinates are fractions of width and height.

    Attributes:
        forms: the parts that each row holds.
        classes: (N,) float32.
        boxes: (N, 4) float32 centre x, centre y, width, height; the polygon's extent where the file states none.
        keypoints: (N, K, D) float32, zeros for rows without; None when there are no keypoints.
        polygons: N outlines (P, 2) float32, (0, 2) for rows without; None when no row has one.
        extents: (N, 4) float32 boxes around the outlines, zeros for rows without; None likewise.
    """

    forms: list[Form]
    classes: Floats
    boxes: Floats
    keypoints: Floats | None
    polygons: list[Floats] | None = None
    extents: Floats | None = None

    def __len__(self) -> int:
        return len(self.forms)


def take_apart(numbers: Numbers, forms: list[Form], rule: LabelRule) -> RawObjects:
    """Take rows apart that have as many values as their forms need."""
    if not any(form.polygon for form in forms) and len(set(numbers.widths)) == 1:
        return _take_table_apart(numbers.flat.reshape(len(forms), -1), forms, rule)
    rows = numbers.by_row()
    front = [4 * form.box + rule.keypoint_values * form.keypoints for form in forms]
    polygons = [
        values[1 + skip :].reshape(-1, 2) if form.polygon else np.zeros((0, 2), np.float32)
        for values, skip, form in zip(rows, front, forms, strict=True)
    ]
    extents = _extents(polygons)
    boxes = extents.copy()
    for index, (values, form) in enumerate(zip(rows, forms, strict=True)):
        if form.box:
            boxes[index] = values[1:5]
    return RawObjects(forms, numbers.flat[numbers.starts], boxes, _keypoints(rows, forms, rule), polygons, extents)


def _take_table_apart(table: Floats, forms: list[Form], rule: LabelRule) -> RawObjects:
    keypoints = None
    if rule.kpt_shape and forms[0].keypoints:
        keypoints = table[:, 5:].reshape(len(table), *rule.kpt_shape)
    return RawObjects(forms, table[:, 0], table[:, 1:5], keypoints)


def _keypoints(rows: list[Floats], forms: list[Form], rule: LabelRule) -> Floats | None:
    if not rule.kpt_shape or not any(form.keypoints for form in forms):
        return None
    keypoints = np.zeros((len(rows), *rule.kpt_shape), np.float32)
    for index, (values, form) in enumerate(zip(rows, forms, strict=True)):
        if form.keypoints:
            first = 5 if form.box else 1
            keypoints[index] = values[first : first + rule.keypoint_values].reshape(rule.kpt_shape)
    return keypoints


def _extents(polygons: list[Floats]) -> Floats:
    """Return (N, 4) centre x, centre y, width, height of N outlines; zeros where there is none."""
    extents = np.zeros((len(polygons), 4), np.float32)
    counts = np.array([len(polygon) for polygon in polygons])
    points = np.concatenate(polygons)
    starts = np.cumsum([0, *counts[:-1]])[counts > 0]
    if not len(starts):
        return extents
    low = np.minimum.reduceat(points, starts, axis=0)
    high = np.maximum.reduceat(points, starts, axis=0)
    with np.errstate(over="ignore"):  # an infinite extent is out of bounds, and told so
        extents[counts > 0] = np.concatenate([(low + high) / 2, high - low], axis=1)
    return extents
