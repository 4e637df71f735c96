"""Label rows as text."""

from collections.abc import Collection, Iterable

from posekit.data.label_rows import LabelRow

# How multitask rows are laid out, as the key ``layout`` of a dataset YAML says it.
MULTITASK_LAYOUT = "keypoints_polygon"


def label_text(rows: Iterable[LabelRow], keypoint_classes: Collection[int] | None = None) -> str:
    """Return the content of a label file, one line per object, six significant digits per number.

    A row holds its class, then

    ==========  ====================================================================================
    detect      cx cy w h
    segment     x1 y1 x2 y2 ...
    pose        cx cy w h, K times x y visibility
    multitask   K times x y visibility, x1 y1 x2 y2 ... ; as for pose when the object has no outline;
                x1 y1 x2 y2 ... alone for classes without keypoints
    ==========  ====================================================================================

    A box stands in rows without an outline only: with one, it is the outline's extent.

    Args:
        rows: the objects of one picture.
        keypoint_classes: numbers of the classes that have keypoints; None for all.
    """
    return "".join(
        f"{row.label} {' '.join(f'{value:g}' for value in _values(row, keypoint_classes))}\n" for row in rows
    )


def _values(row: LabelRow, keypoint_classes: Collection[int] | None) -> list[float]:
    with_keypoints = row.outline is None or keypoint_classes is None or row.label in keypoint_classes
    parts = [row.box if row.outline is None else None, row.keypoints if with_keypoints else None, row.outline]
    return [value for part in parts if part is not None for value in part.ravel().tolist()]
