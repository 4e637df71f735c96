"""Keypoints that are never, or hardly ever, labelled."""

import numpy as np

from posekit.data.checks.finding import Finding
from posekit.data.checks.object_table import ObjectTable
from posekit.schema import KeypointSchema

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
