"""Samples for tests: drawn at random, and by Hypothesis."""

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from posekit.sample import Sample
from posekit.schema.schema import KeypointSchema

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "train" / "augment.npz")
SCHEMA = KeypointSchema(
    shape=(5, 3),
    names=("nose", "left_hand", "right_hand", "left_foot", "right_foot"),
    flip_idx=(0, 2, 1, 4, 3),
    flip_idx_ud=(0, 2, 1, 4, 3),
)


def made_sample(seed, size=(64, 80), count=3, *, outlines=True, keypoints=True):
    """Return a sample with `count` objects inside a noisy picture; outlines and keypoints lie in their boxes."""
    rng = np.random.default_rng(seed)
    height, width = size
    near = rng.uniform(0, 0.6, (count, 2))
    far = near + rng.uniform(0.15, 0.4, (count, 2))
    boxes = (np.concatenate((near, far), 1) * (width, height, width, height)).astype(np.float32)
    return Sample(
        image=rng.integers(0, 256, (height, width, 3), np.uint8),
        path=f"{seed}.png",
        original_size=(2 * height, 2 * width),
        boxes=boxes,
        classes=rng.integers(0, 3, count),
        keypoints=made_keypoints(boxes, rng) if keypoints else None,
        polygons=tuple(ellipse(box) for box in boxes) if outlines else None,
    )


def made_keypoints(boxes, rng):
    places = boxes[:, None, :2] + rng.uniform(0, 1, (len(boxes), 5, 2)) * (boxes[:, None, 2:] - boxes[:, None, :2])
    visibility = rng.integers(0, 3, (len(boxes), 5, 1))
    return np.concatenate((places, visibility), 2).astype(np.float32)


def ellipse(box, count=48):
    """Return the outline (count, 2) of the ellipse in a box."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return (centre + half * np.stack((np.cos(turn), np.sin(turn)), 1)).astype(np.float32)


@st.composite
def samples(draw, size=None):
    """Draw a sample; any part may be missing, and there may be no object."""
    size = size or (draw(st.integers(16, 96)), draw(st.integers(16, 96)))
    return made_sample(
        draw(st.integers(0, 2**32)),
        size,
        draw(st.integers(0, 5)),
        outlines=draw(st.booleans()),
        keypoints=draw(st.booleans()),
    )


def assert_well_formed(sample):
    """Check what every sample in training keeps: counts agree, nothing is NaN, nothing labelled is outside."""
    height, width = sample.size
    count = len(sample.boxes)
    assert sample.boxes.dtype == np.float32
    assert len(sample.classes) == count
    assert np.isfinite(sample.boxes).all()
    assert (sample.boxes[:, :2] <= sample.boxes[:, 2:]).all()
    assert (sample.boxes >= 0).all()
    assert (sample.boxes <= (width, height, width, height)).all()
    if sample.keypoints is not None:
        assert sample.keypoints.shape[0] == count
        assert sample.keypoints.dtype == np.float32
        assert np.isfinite(sample.keypoints).all()
        assert np.isin(sample.keypoints[..., 2], (0, 1, 2)).all()
        places = sample.keypoints[sample.keypoints[..., 2] > 0][:, :2]
        assert ((places >= 0) & (places <= (width, height))).all()
    if sample.polygons is not None:
        assert len(sample.polygons) == count
        for polygon, box in zip(sample.polygons, sample.boxes, strict=True):
            assert np.isfinite(polygon).all()
            assert (polygon >= box[:2] - 0.01).all()
            assert (polygon <= box[2:] + 0.01).all()


def assert_same_objects(first, second, *, within=0.0):
    """Check that two samples hold the same objects, coordinates to `within` pixels."""
    np.testing.assert_array_equal(first.classes, second.classes)
    np.testing.assert_allclose(first.boxes, second.boxes, rtol=0, atol=within)
    assert (first.keypoints is None) == (second.keypoints is None)
    assert (first.polygons is None) == (second.polygons is None)
    if first.keypoints is not None:
        np.testing.assert_allclose(first.keypoints, second.keypoints, rtol=0, atol=within)
    for one, other in zip(first.polygons or (), second.polygons or (), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=within)
