"""Random annotations that survive a conversion, for property tests."""

import numpy as np
from hypothesis import strategies as st

from posekit.data.annotation import AnnotationSet, ObjectAnnotation, PictureAnnotation
from posekit.schema.schema import KeypointSchema

SCHEMA = KeypointSchema(
    shape=(3, 3), names=("beak", "left wing", "right wing"), skeleton=((0, 1), (0, 2)), flip_idx=(0, 2, 1),
    flip_idx_ud=(0, 2, 1),
)  # fmt: skip
NAMES = {0: "bird", 1: "fish: it's", 2: "dog"}


@st.composite
def objects(draw, size):
    """An object whose keypoints and outline lie in a picture of (h, w)."""
    height, width = size

    def place(limit):
        return draw(st.integers(0, limit * 4)) / 4

    def corners():
        (x1, x2), (y1, y2) = (sorted((place(side - 1), place(side - 1))) for side in (width, height))
        return x1, y1, x2 + 1, y2 + 1

    keypoints = np.array([(place(width), place(height), draw(st.sampled_from((1, 2)))) for _ in range(3)], np.float64)
    for index in draw(st.sets(st.integers(0, 2), max_size=2)):
        keypoints[index] = 0
    parts = []
    for _ in range(draw(st.integers(0, 2))):
        x1, y1, x2, y2 = corners()
        parts.append(np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]))
    label = draw(st.sampled_from(sorted(NAMES)))
    return ObjectAnnotation(label=label, box=corners(), keypoints=keypoints, parts=tuple(parts))


@st.composite
def annotation_sets(draw):
    """One to three pictures, named a.png and so on, with up to four objects each."""
    pictures = []
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.tuples(st.integers(10, 90), st.integers(10, 90)))
        found = tuple(draw(st.lists(objects(size), max_size=4, unique_by=lambda found: (found.label, found.box))))
        name = f"{'abc'[number]}.png"
        pictures.append(PictureAnnotation(file_name=name, path=None, size=size, objects=found, image_id=number * 7))
    return AnnotationSet(names=NAMES, schema=SCHEMA, pictures=tuple(pictures))
