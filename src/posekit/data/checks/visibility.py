"""Visibility values that contradict their points."""

import numpy as np
from numpy.typing import NDArray

from posekit.data.checks.finding import EXAMPLES, Example, Finding
from posekit.data.checks.object_table import ObjectTable
from posekit.schema import KeypointSchema


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
