"""Pictures come at the wanted size, with their labels in pixels of them."""

import cv2
import numpy as np
import pytest

from golden.fill import image
from posekit.data.labels import Labels, PictureLabels
from posekit.data.loader import NoStore, PictureLoader
from posekit.errors import UnreadableImageError


@pytest.fixture
def labels(tmp_path):
    made = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), image(96, 128, number))
        made.append(
            PictureLabels(
                path=str(path),
                size=(96, 128),
                classes=np.array([number]),
                boxes=np.array([(0.5, 0.5, 0.25, 0.5)], np.float32),
                keypoints=np.array([[(0.25, 0.75, 2), (0, 0, 0)]], np.float32),
                polygons=(np.array([(0.25, 0.25), (0.5, 0.25), (0.5, 0.75)], np.float32),),
            )
        )
    return made


def loader_for(labels, size, workers=2):
    return PictureLoader(Labels.join(labels), [size] * len(labels), NoStore(), workers=workers)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_pictures_come_in_the_order_asked_for(labels, workers):
    loader = loader_for(labels, (96, 128), workers)
    samples = loader.load([3, 0, 3])
    loader.close()
    assert [int(sample.classes[0]) for sample in samples] == [3, 0, 3]
    np.testing.assert_array_equal(samples[1].image, image(96, 128, 0))


def test_labels_are_in_pixels_of_the_resized_picture(labels):
    (sample,) = loader_for(labels, (48, 64), 0).load([1])
    assert sample.size == (48, 64)
    assert sample.original_size == (96, 128)
    np.testing.assert_allclose(sample.boxes, [(24, 12, 40, 36)])
    np.testing.assert_allclose(sample.keypoints, [[(16, 36, 2), (0, 0, 0)]])
    np.testing.assert_allclose(sample.polygons[0].max(0), (32, 36))


def test_a_picture_that_changed_after_its_labels_were_read_is_an_error(labels):
    cv2.imwrite(labels[2].path, image(64, 64, 0))
    with pytest.raises(UnreadableImageError, match=r"2\.png: has 64x64 pixels, but 96x128"):
        loader_for(labels, (48, 64)).load([0, 1, 2])


def test_a_damaged_picture_is_an_error_that_names_it(labels, tmp_path):
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UnreadableImageError, match=r"1\.png"):
        loader_for(labels, (48, 64)).load([1])
