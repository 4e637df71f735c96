"""Small data sets made for checks, without picture files."""

import numpy as np

from posekit.data.labels import Labels, PictureLabels, ScanReport, Split
from posekit.schema.schema import KeypointSchema

# A standing figure seen from the front, as fractions of its box: left is on the right of the picture.
NAMES = ("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee")
FRONT = np.array([(0.5, 0.1), (0.7, 0.3), (0.3, 0.3), (0.65, 0.6), (0.35, 0.6), (0.65, 0.9), (0.35, 0.9)])
SCHEMA = KeypointSchema(
    shape=(7, 3),
    names=NAMES,
    skeleton=((1, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
    flip_idx=(0, 2, 1, 4, 3, 6, 5),
)


def person(seed=0):
    """Return the box (4,) and keypoints (7, 3) of one figure, in fractions of the picture."""
    rng = np.random.default_rng(seed)
    width, height = rng.uniform(0.1, 0.3), rng.uniform(0.3, 0.5)
    centre = rng.uniform(0.3, 0.7, 2)
    points = (FRONT + rng.normal(0, 0.01, FRONT.shape) - 0.5) * (width, height) + centre
    visibility = np.full((7, 1), 2.0)
    visibility[0] = 1.0
    return np.array((*centre, width, height)), np.concatenate((points, visibility), 1)


def picture(objects, path="a.jpg", classes=None, size=(400, 400)):
    """Return the labels of one picture with the given (box, keypoints) pairs."""
    return PictureLabels(
        path=str(path),
        size=size,
        classes=np.array(classes if classes is not None else [0] * len(objects), np.int64),
        boxes=np.array([box for box, _ in objects], np.float32).reshape(-1, 4),
        keypoints=np.array([points for _, points in objects], np.float32).reshape(-1, 7, 3),
    )


def split(pictures, name="train", names=None):
    """Return a split of pictures."""
    labels = Labels.join(list(pictures), keypoints=7)
    return Split(name=name, pictures=labels, names=names or {0: "person"}, schema=SCHEMA, report=ScanReport())


def people(count, change=None):
    """Return a split of `count` pictures of one figure; `change(number, box, points)` may spoil each."""
    pictures = []
    for number in range(count):
        box, points = person(number)
        if change is not None:
            change(number, box, points)
        pictures.append(picture([(box, points)], path=f"{number}.jpg"))
    return {"train": split(pictures)}
