"""Pictures, or crops of them, stretched to squares, with their objects."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.augment.chance import Draw
from posekit.augment.warps import Crops, Region, Stretch, draw_region, stretch_region
from posekit.sample import Sample

CROPS = Crops(shorter_sides=(400, 500, 600), lengths=(384, 600))
SIZES = st.tuples(st.integers(60, 900), st.integers(60, 900))


def person(size):
    """Return a picture (h, w) of a white rectangle on black, labelled with its box and two corners."""
    height, width = size
    left, top, right, bottom = width // 4, height // 3, width // 2, 3 * height // 4
    image = np.zeros((height, width, 3), np.uint8)
    image[top:bottom, left:right] = 255
    return Sample(
        image=image,
        boxes=np.array([[left, top, right, bottom]], np.float32),
        classes=np.zeros(1, np.int64),
        keypoints=np.array([[[left, top, 2], [right, bottom, 1]]], np.float32),
    )


def edges(image):
    """Return left, top, right, bottom of what is white."""
    rows, columns = np.nonzero(image[..., 0].max(1) > 127)[0], np.nonzero(image[..., 0].max(0) > 127)[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def draw(seed=0):
    return Draw(np.random.default_rng(seed), [0])


@settings(max_examples=30)
@given(SIZES)
def test_a_whole_picture_fills_the_square_and_objects_stay_on_what_they_label(size):
    sample = person(size)
    made = Stretch(side=96, crops=CROPS, probability=0.0)(sample, draw())
    assert made.image.shape == (96, 96, 3)
    np.testing.assert_allclose(made.boxes[0], edges(made.image), atol=1.01)
    np.testing.assert_allclose(made.keypoints[0, :, :2].ravel(), made.boxes[0], atol=1e-4)
    np.testing.assert_allclose(made.boxes[0] / 96, sample.boxes[0] / np.array(size[::-1] * 2), atol=1e-5)
    assert made.keypoints[0, :, 2].tolist() == [2, 1]


@settings(max_examples=60)
@given(SIZES, st.integers(0, 1000))
def test_regions_lie_in_the_picture_and_have_the_sides_of_the_resized_one(size, seed):
    region = draw_region(CROPS, size, np.random.default_rng(seed))
    assert 0 <= region.left <= size[1] - region.width
    assert 0 <= region.top <= size[0] - region.height
    smallest = min(size) * 384 / 600
    for length, whole in ((region.height, size[0]), (region.width, size[1])):
        assert length == whole or length >= smallest - 1
        assert length <= min(size) * 600 / 400 + 1


def test_points_outside_a_crop_are_unlabelled_and_objects_outside_are_left_out():
    sample = person((120, 160))  # the box is 40 to 80, 40 to 90
    made = stretch_region(sample, Region(left=50, top=30, width=60, height=40), 120)
    assert made.keypoints[0, :, 2].tolist() == [0, 0]
    np.testing.assert_allclose(made.boxes, [[0, 30, 60, 120]])
    assert len(stretch_region(sample, Region(left=100, top=0, width=60, height=120), 120).boxes) == 0


def test_about_as_many_pictures_are_cropped_as_asked_for():
    sample = person((500, 700))
    stretch = Stretch(side=64, crops=CROPS, probability=0.5)
    generator = draw(3)
    whole = stretch_region(sample, Region(left=0, top=0, width=700, height=500), 64).boxes
    boxes = [stretch(sample, generator).boxes for _ in range(200)]
    cropped = sum(not np.array_equal(found, whole) for found in boxes)
    assert 70 < cropped < 130
