"""Kept pictures are the pictures that were read, and a changed file is read again."""

import logging

import numpy as np
import pytest

from golden.fill import image
from posekit.data.loader import DiskStore, MemoryStore, NoStore, free_memory, open_store
from posekit.errors import OutputError


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
