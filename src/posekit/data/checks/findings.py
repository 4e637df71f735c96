"""`Finding`: one thing that a check noticed, and the texts of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

EXAMPLES = 12  # a finding shows at most so many places


@dataclass(frozen=True, kw_only=True)
class Example:
    """One place where it shows.

    Attributes:
        split: name of the split.
        picture: index into the split's pictures.
        objects: indices of the objects in question; empty for the whole picture.
        keypoints: indices of the keypoints in question; empty for none in particular.
        caption: what is to be seen, in a few words.
    """

    split: str
    picture: int
    objects: tuple[int, ...] = ()
    keypoints: tuple[int, ...] = ()
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check noticed.

    Attributes:
        code: short name of the kind, a key of `TEXTS`.
        severity: "error" spoils training or scores, "warning" probably does, "note" is worth knowing.
        title: what it is, with its number.
        explanation: how it was told.
        advice: what to do.
        count: how many objects, pictures or keypoints.
        examples: the most striking ones first.
    """

    code: str
    severity: Severity
    title: str
    explanation: str
    advice: str
    count: int
    examples: tuple[Example, ...] = ()


def finding(
    code: str, count: int = 0, examples: Sequence[Example] = (), *, severity: Severity | None = None, **words: object
) -> Finding:
    """Return the finding of a code: its texts, with the count and the `words` that they name filled in.

    Args:
        code: a key of `TEXTS`.
        count: how many it concerns.
        examples: the most striking ones first; more than `EXAMPLES` are left out.
        severity: another one than that of the table.
        words: other words that the texts name.
    """
    usual, *texts = TEXTS[code]
    title, explanation, advice = (text.format(count=count, **words) for text in texts)
    return Finding(
        code=code,
        severity=severity or usual,
        title=title,
        explanation=explanation,
        advice=advice,
        count=count,
        examples=tuple(examples[:EXAMPLES]),
    )


# Severity, title, explanation and advice of each code.
TEXTS: dict[str, tuple[Severity, str, str, str]] = {
    "problems": (
        "error",
        "{count} remarks of the reader: {pictures} pictures and {objects} objects are left out",
        "Each is listed at the end of this page with file and place.",
        "Mend the labels, or accept that these are missing.",
    ),
    "mixed_names": (
        "error",
        "{first} and {second} seem to be exchanged in the whole data set",
        "In nearly every object this pair runs against the other left-right pairs.",
        "Exchange the two names (or the two columns of the labels), and check flip_idx.",
    ),
    "swapped_sides": (
        "warning",
        "left and right look exchanged in {count} object{s}",
        "A pair of points runs against the object's other left-right pairs, although such pairs agree in nine of ten "
        "objects of this data set.",
        "Look at the examples: exchange the two points where they are wrong.",
    ),
    "labelled_at_origin": (
        "error",
        "{count} points at (0, 0) are marked as labelled",
        "Label tools write 0 0 for missing points; with a visibility above 0 they count as real ones, and the network "
        "learns to put points into the corner of the picture.",
        "Check the export: {hint}.",
    ),
    "place_without_visibility": (
        "note",
        "{count} points have a place but visibility 0",
        "Visibility 0 means unlabelled: such points are ignored by losses and OKS.",
        "If they were hidden but labelled, their visibility should be 1.",
    ),
    "no_hidden_points": (
        "note",
        "no point is marked as hidden (visibility 1)",
        "Every labelled point is marked as visible (2).",
        "Nothing is wrong if hidden points were left out; losses and OKS treat 1 and 2 alike.",
    ),
    "no_keypoints": (
        "error",
        "no object has a labelled keypoint",
        "Every visibility of every object is 0.",
        "Visibility is 0 for unlabelled, 1 for hidden, 2 for visible points: check the label export.",
    ),
    "unused_keypoints": (
        "warning",
        "{count} of {total} keypoints are never labelled: {names}",
        "No object of any split has a labelled point of these names.",
        "The network cannot learn them: leave them out of kpt_shape, or check the order of the columns.",
    ),
    "rare_keypoints": (
        "note",
        "{count} keypoints are labelled in fewer than 1 of 100 objects: {names}",
        "Shares are of the objects that have any labelled point.",
        "Expect poor accuracy for them, or label more.",
    ),
    "tiny_boxes": (
        "warning",
        "{count} boxes are smaller than 3 px on a side",
        "The shorter side of the box, in pixels of the picture file.",
        "Such objects can hardly be learnt: check whether they are mistakes.",
    ),
    "box_beyond_picture": (
        "warning",
        "{count} boxes reach beyond their picture",
        "By more than 1 % of the picture's longer side.",
        "Clip the boxes; if all are shifted, the pictures may have been rotated or resized after labelling.",
    ),
    "points_outside_box": (
        "warning",
        "{count} objects have points far outside their box",
        "By more than a quarter of the object's size.",
        "Check these points; a point that belongs to a neighbour is the usual cause.",
    ),
    "points_in_one_place": (
        "warning",
        "{count} objects have three or more points in one and the same place",
        "Their coordinates are equal.",
        "Label tools leave points that were never placed on top of each other: mark them as unlabelled.",
    ),
    "long_limbs": (
        "warning",
        "{count} objects have a limb of more than four times its usual length",
        "Lengths are compared as shares of the object's size, with the 90th percentile of the same limb in the whole "
        "data set.",
        "Check both ends; an exchanged or misplaced point is the usual cause.",
    ),
    "no_flip_map": (
        "warning",
        "there is no flip_idx: training will not mirror pictures",
        "The data set gives no flip map, and none can be told from left and right in kpt_names.",
        "Add flip_idx to the YAML: for each point the index of its mirror partner, itself for points without one. "
        "Mirroring doubles what the network sees.",
    ),
    "absent_classes": (
        "warning",
        "{count} of {total} classes have no object: {names}",
        "Counted over all splits.",
        "Leave them out of names, or check the class numbers of the labels.",
    ),
    "rare_classes": (
        "note",
        "{count} classes have very few objects: {names}",
        "Less than 2 % of the largest class, over all splits.",
        "Expect poor accuracy for them, or label more.",
    ),
    "leakage": (
        "error",
        "{count} picture{stand} in several splits ({names})",
        "The files are equal, or their 16x16 gray versions are.",
        "Take them out of all splits but one: scores on pictures seen in training are too good.",
    ),
    "duplicate_pictures": (
        "warning",
        "{count} picture{are_copies} of another in the same split",
        "The files are equal, or their 16x16 gray versions are.",
        "Remove the copies: they weigh some pictures more than others.",
    ),
    "duplicate_objects": (
        "warning",
        "{count} object{seem} to be labelled twice",
        "Two boxes of one class overlap by an IoU of 0.95 or more.",
        "Remove one of the two: the second can never be found, as suppression keeps one box.",
    ),
}
