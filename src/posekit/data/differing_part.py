"""Whether annotations from several files belong to one data set."""

from posekit.data.annotation import AnnotationSet


def differing_part(first: AnnotationSet, second: AnnotationSet) -> str | None:
    """Return what two sets of annotations differ in, "classes" or "keypoints"; None when they go together."""
    if first.names != second.names:
        return "classes"
    return "keypoints" if first.schema != second.schema else None
