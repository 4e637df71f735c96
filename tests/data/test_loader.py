"""Pictures come at the wanted size, with their labels in pixels of them; kept ones are those that were read."""

import logging

import cv2
import numpy as np
import pytest

from golden.fill import image
from posekit.data.labels import Labels, PictureLabels
from posekit.data.loader import DiskStore, MemoryStore, NoStore, PictureLoader, free_memory, open_store
from posekit.errors import OutputError, UnreadableImageError


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


class Reader:
    """Counts how often it is asked for a picture."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return image(96, 128, self.count)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "pictures" / "a.png"
    file.parent.mkdir()
    file.write_bytes(b"one")
    return file


def test_without_a_store_every_call_reads(path):
    read = Reader()
    for _ in range(3):
        NoStore().get(str(path), (96, 128), read)
    assert read.count == 3


@pytest.mark.parametrize("kind", ["ram", "disk"])
def test_a_store_reads_once_and_gives_the_same_picture(path, tmp_path, kind):
    store, read = (MemoryStore() if kind == "ram" else DiskStore(tmp_path / "kept")), Reader()
    first = store.get(str(path), (96, 128), read)
    second = store.get(str(path), (96, 128), read)
    assert read.count == 1
    np.testing.assert_array_equal(first, second)
    store.get(str(path), (48, 64), read)
    assert read.count == 2


def test_the_disk_store_sees_that_a_file_has_changed(path, tmp_path):
    store, read = DiskStore(tmp_path / "kept"), Reader()
    store.get(str(path), (96, 128), read)
    path.write_bytes(b"another")
    store.get(str(path), (96, 128), read)
    assert read.count == 2


def test_a_damaged_kept_picture_is_read_again(path, tmp_path):
    store, read = DiskStore(tmp_path / "kept"), Reader()
    store.get(str(path), (96, 128), read)
    (kept,) = (tmp_path / "kept").rglob("*.npy")
    kept.write_bytes(kept.read_bytes()[:50])
    np.testing.assert_array_equal(store.get(str(path), (96, 128), read), image(96, 128, 2))


def test_nothing_is_written_beside_the_users_pictures(path, tmp_path):
    DiskStore(tmp_path / "kept").get(str(path), (96, 128), Reader())
    assert list(path.parent.iterdir()) == [path]


def test_the_setting_chooses_the_store(here):
    assert isinstance(open_store(False, []), NoStore)
    assert isinstance(open_store("ram", [(10, 10)]), MemoryStore)
    assert isinstance(open_store(True, [(10, 10)]), MemoryStore)
    assert isinstance(open_store("disk", []), DiskStore)


def test_pictures_that_do_not_fit_into_memory_are_read_each_time_and_that_is_said(caplog):
    with caplog.at_level(logging.WARNING, "posekit"):
        store = open_store("ram", [(10**6, 10**6)] * 1000)
    assert isinstance(store, NoStore)
    assert "cache=ram" in caplog.text


def test_the_free_memory_is_a_sensible_number():
    free = free_memory()
    assert free is None or 2**20 < free < 2**50


def test_a_cache_folder_that_cannot_be_made_is_named(path, tmp_path):
    (tmp_path / "kept").write_text("in the way")
    with pytest.raises(OutputError, match=r"cache=disk: .*kept.* cannot be written .* POSEKIT_CACHE_DIR"):
        DiskStore(tmp_path / "kept").get(str(path), (96, 128), Reader())
