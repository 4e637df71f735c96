"""Boxes and points of unlikely size or place."""

import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.finding import EXAMPLES, Finding
from posekit.data.checks.object_table import Floats, Indices, ObjectTable
from posekit.schema import KeypointSchema

# A point may lie this far outside its box, in shares of the object's size.
OUTSIDE_BOX = 0.25
# A limb is unlikely when its length is so many times the usual one of its kind.
LONG_LIMB = 4.0
# Boxes of fewer pixels on a side can hardly be seen.
TINY = 3.0
ENOUGH = 10


def find_outliers(table: ObjectTable, schema: KeypointSchema | None) -> list[Finding]:
    """Tell of tiny boxes, boxes beyond the picture, points far outside their box, and unlikely limbs."""
    if not len(table):
        return []
    findings = [*_tiny_boxes(table), *_boxes_beyond(table)]
    if schema is not None:
        findings += [*_points_outside(table, schema), *_same_place(table, schema), *_long_limbs(table, schema)]
    return findings


def _tiny_boxes(table: ObjectTable) -> list[Finding]:
    sides = (table.boxes[:, 2:] - table.boxes[:, :2]).min(1)
    rows = np.flatnonzero(sides < TINY)
    return _found(
        table,
        rows[np.argsort(sides[rows], kind="stable")],
        code="tiny_boxes",
        title="boxes are smaller than 3 px on a side",
        explanation="The shorter side of the box, in pixels of the picture file.",
        advice="Such objects can hardly be learnt: check whether they are mistakes.",
    )


def _boxes_beyond(table: ObjectTable) -> list[Finding]:
    limits = np.concatenate((np.zeros_like(table.sizes), table.sizes[:, ::-1]), 1)
    beyond = np.maximum(limits[:, :2] - table.boxes[:, :2], table.boxes[:, 2:] - limits[:, 2:]).max(1)
    share = beyond / table.sizes.max(1)
    rows = np.flatnonzero(share > 0.01)
    return _found(
        table,
        rows[np.argsort(-share[rows], kind="stable")],
        code="box_beyond_picture",
        title="boxes reach beyond their picture",
        explanation="By more than 1 % of the picture's longer side.",
        advice="Clip the boxes; if all are shifted, the pictures may have been rotated or resized after labelling.",
    )


def _points_outside(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    points = table.keypoints[..., :2]
    near, far = table.boxes[:, None, :2], table.boxes[:, None, 2:]
    distance = np.linalg.norm(np.maximum(np.maximum(near - points, points - far), 0), axis=-1) / table.scale[:, None]
    distance = np.where(table.labelled, distance, 0.0)
    rows = np.flatnonzero((distance > OUTSIDE_BOX).any(1))
    return _found(
        table,
        rows[np.argsort(-distance[rows].max(1), kind="stable")],
        code="points_outside_box",
        title="objects have points far outside their box",
        explanation="By more than a quarter of the object's size.",
        advice="Check these points; a point that belongs to a neighbour is the usual cause.",
        marked=distance > OUTSIDE_BOX,
        schema=schema,
    )


def _same_place(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Tell of objects three or more of whose labelled points share one place."""
    marked = np.zeros_like(table.labelled)
    for row, (points, labelled) in enumerate(zip(table.keypoints[..., :2], table.labelled, strict=True)):
        if labelled.sum() >= 3:
            _, inverse, counts = np.unique(points[labelled], axis=0, return_inverse=True, return_counts=True)
            marked[row, np.flatnonzero(labelled)] = np.asarray(counts[inverse.ravel()] >= 3)
    return _found(
        table,
        np.flatnonzero(marked.any(1)),
        code="points_in_one_place",
        title="objects have three or more points in one and the same place",
        explanation="Their coordinates are equal.",
        advice="Label tools leave points that were never placed on top of each other: mark them as unlabelled.",
        marked=marked,
        schema=schema,
    )


def _long_limbs(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    limbs = np.array(schema.skeleton, np.int64).reshape(-1, 2)
    if not len(limbs):
        return []
    ends = table.keypoints[:, limbs, :2]  # (N, L, 2, 2)
    lengths = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=-1) / table.scale[:, None]
    known: NDArray[np.bool_] = np.asarray(table.labelled[:, limbs].all(-1))
    usual = np.array([_usual(lengths[known[:, number], number]) for number in range(len(limbs))])
    factor = np.where(known, lengths / usual, 0.0)
    rows = np.flatnonzero((factor > LONG_LIMB).any(1))
    marked = np.zeros(table.labelled.shape, bool)
    for row in rows:
        marked[row, limbs[factor[row] > LONG_LIMB].ravel()] = True
    return _found(
        table,
        rows[np.argsort(-factor[rows].max(1), kind="stable")],
        code="long_limbs",
        title="objects have a limb of more than four times its usual length",
        explanation="Lengths are compared as shares of the object's size, with the 90th percentile of the same limb "
        "in the whole data set.",
        advice="Check both ends; an exchanged or misplaced point is the usual cause.",
        marked=marked,
        schema=schema,
    )


def _usual(lengths: Floats) -> float:
    """Return what is usual for a limb; endless where too few are known."""
    if len(lengths) < ENOUGH:
        return np.inf
    return max(float(np.percentile(lengths, 90)), 0.02)


def _found(
    table: ObjectTable,
    rows: Indices,
    *,
    code: str,
    title: str,
    explanation: str,
    advice: str,
    marked: NDArray[np.bool_] | None = None,
    schema: KeypointSchema | None = None,
) -> list[Finding]:
    """Return a finding about the objects `rows`, most striking first; none without rows."""
    if not len(rows):
        return []
    shown = rows[:EXAMPLES].tolist()
    if marked is None or schema is None:
        examples = [table.example(row, "") for row in shown]
    else:
        examples = [table.example_of_points(row, marked[row], schema) for row in shown]
    return [
        Finding(
            code=code,
            severity="warning",
            title=f"{len(rows)} {title}",
            explanation=explanation,
            advice=advice,
            count=len(rows),
            examples=tuple(examples),
        )
    ]
