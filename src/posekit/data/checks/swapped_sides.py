"""Left and right mixed up: pairs of points that run against all other pairs of the same object."""

import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.finding import EXAMPLES, Finding
from posekit.data.checks.object_table import ObjectTable
from posekit.schema import KeypointSchema

# A pair counts when its points are this far apart, in shares of the object's size.
APART = 0.06
# A pair runs against the others when the mean cosine of the angles between them is below this.
OPPOSITE = -0.8
# Pairs that agree with the others in so many objects are rarely crossed by chance.
STEADY = 0.9
# Fewer objects say nothing about what is usual.
ENOUGH = 10


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
        agreeing = float((cosines[known, number] > 0).mean()) if known.sum() >= ENOUGH else np.nan
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
