"""Boxes and points of unlikely size or place."""

import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.table import EXAMPLES, Example, Finding, Floats, Indices, ObjectTable
from posekit.schema.schema import KeypointSchema

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


# A pair counts when its points are this far apart, in shares of the object's size.
APART = 0.06


# A pair runs against the others when the mean cosine of the angles between them is below this.
OPPOSITE = -0.8


# Pairs that agree with the others in so many objects are rarely crossed by chance.
STEADY = 0.9


# Fewer objects say nothing about what is usual.
ENOUGH_PAIRS = 10


def find_swapped_sides(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Compare the direction from left to right of each pair with that of the object's other pairs.

    Wrists and ankles cross in real life; a pair is only reported where it agrees with the others in
    nine of ten objects, or where it disagrees in nine of ten, which means that the names are mixed up.
    """
    pairs = [(a, b) for a, b in enumerate(schema.flip_idx or ()) if a < b]
    if len(pairs) < 3 or not len(table):
        return []
    cosines = _agreement(table, np.array(pairs, np.int64))
    findings = []
    usual = np.zeros(len(pairs), bool)
    for number, pair in enumerate(pairs):
        known = np.isfinite(cosines[:, number])
        agreeing = float((cosines[known, number] > 0).mean()) if known.sum() >= ENOUGH_PAIRS else np.nan
        usual[number] = agreeing >= STEADY
        if agreeing <= 1 - STEADY:
            findings.append(_mixed_names(table, schema, pair, cosines[:, number]))
    rows, numbers = np.nonzero((cosines < OPPOSITE) & usual)
    if len(rows):
        findings.append(_swapped_objects(table, schema, pairs, cosines, rows, numbers))
    return findings


def _agreement(table: ObjectTable, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (N, P) the mean cosine between each pair's direction and the others'; NaN with fewer than two others."""
    points, labelled = table.keypoints[..., :2], table.labelled
    vectors = (points[:, pairs[:, 1]] - points[:, pairs[:, 0]]) / table.scale[:, None, None]  # (N, P, 2)
    lengths = np.linalg.norm(vectors, axis=-1)
    known = labelled[:, pairs].all(-1) & (lengths > APART)
    directions = np.where(known[..., None], vectors / np.maximum(lengths, APART)[..., None], 0.0)
    cosines = directions @ directions.transpose(0, 2, 1)  # (N, P, P), 1 on the diagonal of known pairs
    others = known.sum(1, keepdims=True) - 1
    mean = (cosines.sum(2) - 1) / np.maximum(others, 1)
    agreement: NDArray[np.float64] = np.where(known & (others >= 2), mean, np.nan)
    return agreement


def _mixed_names(
    table: ObjectTable, schema: KeypointSchema, pair: tuple[int, int], cosines: NDArray[np.float64]
) -> Finding:
    first, second = (schema.names[index] for index in pair)
    rows = np.flatnonzero(cosines < 0)
    return Finding(
        code="mixed_names",
        severity="error",
        title=f"{first} and {second} seem to be exchanged in the whole data set",
        explanation="In nearly every object this pair runs against the other left-right pairs.",
        advice="Exchange the two names (or the two columns of the labels), and check flip_idx.",
        count=len(rows),
        examples=tuple(table.example(row, f"{first} / {second}", pair) for row in rows[:EXAMPLES]),
    )


def _swapped_objects(
    table: ObjectTable,
    schema: KeypointSchema,
    pairs: list[tuple[int, int]],
    cosines: NDArray[np.float64],
    rows: NDArray[np.int64],
    numbers: NDArray[np.int64],
) -> Finding:
    order = np.argsort(cosines[rows, numbers], kind="stable")[:EXAMPLES]
    examples = []
    for row, number in zip(rows[order].tolist(), numbers[order].tolist(), strict=True):
        first, second = (schema.names[index] for index in pairs[number])
        examples.append(table.example(row, f"{first} / {second}", pairs[number]))
    count = len(np.unique(rows))
    return Finding(
        code="swapped_sides",
        severity="warning",
        title=f"left and right look exchanged in {count} object{'s' if count != 1 else ''}",
        explanation="A pair of points runs against the object's other left-right pairs, although such pairs "
        "agree in nine of ten objects of this data set.",
        advice="Look at the examples: exchange the two points where they are wrong.",
        count=count,
        examples=tuple(examples),
    )


RARE = 0.01


def find_unused_keypoints(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Tell of points that no object has, and of those that fewer than one in a hundred has."""
    labelled = table.labelled
    with_points = labelled[labelled.any(1)]
    if not len(with_points):
        return [_nothing_labelled()] if len(table) else []
    share = with_points.mean(0)
    findings = []
    never = [schema.names[index] for index in np.flatnonzero(share == 0)]
    if never:
        findings.append(
            Finding(
                code="unused_keypoints",
                severity="warning",
                title=f"{len(never)} of {schema.count} keypoints are never labelled: {', '.join(never)}",
                explanation="No object of any split has a labelled point of these names.",
                advice="The network cannot learn them: leave them out of kpt_shape, or check the order of the columns.",
                count=len(never),
            )
        )
    rare = [f"{schema.names[index]} ({share[index]:.1%})" for index in np.flatnonzero((share > 0) & (share < RARE))]
    if rare:
        findings.append(
            Finding(
                code="rare_keypoints",
                severity="note",
                title=f"{len(rare)} keypoints are labelled in fewer than 1 of 100 objects: {', '.join(rare)}",
                explanation="Shares are of the objects that have any labelled point.",
                advice="Expect poor accuracy for them, or label more.",
                count=len(rare),
            )
        )
    return findings


def _nothing_labelled() -> Finding:
    return Finding(
        code="no_keypoints",
        severity="error",
        title="no object has a labelled keypoint",
        explanation="Every visibility of every object is 0.",
        advice="Visibility is 0 for unlabelled, 1 for hidden, 2 for visible points: check the label export.",
        count=0,
    )


def find_visibility_misuse(table: ObjectTable, schema: KeypointSchema) -> list[Finding]:
    """Tell of labelled points at the corner (0, 0), of unlabelled points with a place, and of unused values."""
    if not len(table):
        return []
    labelled = table.labelled
    at_corner = (table.keypoints[..., :2] == 0).all(-1)
    findings = _corner_points(table, schema, labelled & at_corner)
    findings += _unlabelled_with_place(table, schema, ~labelled & ~at_corner)
    if schema.has_visibility and labelled.any() and not (table.keypoints[..., 2] == 1).any():
        findings.append(
            Finding(
                code="no_hidden_points",
                severity="note",
                title="no point is marked as hidden (visibility 1)",
                explanation="Every labelled point is marked as visible (2).",
                advice="Nothing is wrong if hidden points were left out; losses and OKS treat 1 and 2 alike.",
                count=0,
            )
        )
    return findings


def _corner_points(table: ObjectTable, schema: KeypointSchema, wrong: NDArray[np.bool_]) -> list[Finding]:
    if not wrong.any():
        return []
    hint = "write visibility 0 for missing points" if schema.has_visibility else "write -1 -1 for missing points"
    return [
        Finding(
            code="labelled_at_origin",
            severity="error",
            title=f"{int(wrong.sum())} points at (0, 0) are marked as labelled",
            explanation="Label tools write 0 0 for missing points; with a visibility above 0 they count as real ones, "
            "and the network learns to put points into the corner of the picture.",
            advice=f"Check the export: {hint}.",
            count=int(wrong.sum()),
            examples=_examples(table, schema, wrong),
        )
    ]


def _unlabelled_with_place(table: ObjectTable, schema: KeypointSchema, kept: NDArray[np.bool_]) -> list[Finding]:
    if not schema.has_visibility or not kept.any():
        return []
    return [
        Finding(
            code="place_without_visibility",
            severity="note",
            title=f"{int(kept.sum())} points have a place but visibility 0",
            explanation="Visibility 0 means unlabelled: such points are ignored by losses and OKS.",
            advice="If they were hidden but labelled, their visibility should be 1.",
            count=int(kept.sum()),
            examples=_examples(table, schema, kept),
        )
    ]


def _examples(table: ObjectTable, schema: KeypointSchema, marked: NDArray[np.bool_]) -> tuple[Example, ...]:
    rows = np.flatnonzero(marked.any(1))[:EXAMPLES]
    return tuple(table.example_of_points(row, marked[row], schema) for row in rows.tolist())
