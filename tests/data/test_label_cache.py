import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.label_files.mutations import BOXLESS, DETECT, POSE, RULES, SEGMENT, mutations
from posekit.data.label_cache import MAX_FILES, fingerprint, pack_scan, scan_with_cache, unpack_scan
from posekit.data.yolo.parse import scan_label_files


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of cached labels."""
    monkeypatch.setenv("POSEKIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "labels"


@pytest.fixture
def pictures(tmp_path):
    """Pictures with label files, most of them wrong in some way."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    names = []
    for number, (_, data) in enumerate(mutations(seed=5, count=60, most=2)):
        names.append(str(folder / f"{number:02}.png"))
        cv2.imwrite(names[-1], np.zeros((20, 30, 3), np.uint8))
        Path(names[-1]).with_suffix(".txt").write_bytes(data)
    Path(names[3]).with_suffix(".txt").unlink()
    Path(names[4]).write_bytes(b"no picture")
    return [str(folder / "missing.png"), *names]


def assert_same(one, other):
    """Every number of two scans has the same bits and type, and every word is the same."""
    assert one[1] == other[1]
    assert len(one[0]) == len(other[0])
    for first, second in zip(one[0], other[0], strict=True):
        assert (first.path, first.size) == (second.path, second.size)
        assert type(first.size[0]) is type(second.size[0]) is int
        assert_same_arrays(
            [first.classes, first.boxes, first.keypoints], [second.classes, second.boxes, second.keypoints]
        )
        assert (first.polygons is None) == (second.polygons is None)
        assert_same_arrays(first.polygons or (), second.polygons or ())


def assert_same_arrays(first, second):
    for one, other in zip(first, second, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.parametrize(
    "rule", RULES, ids=lambda rule: f"{rule.task}-{rule.kpt_shape}-{rule.layout}-{rule.single_cls}"
)
def test_what_comes_from_the_cache_is_what_a_scan_gives(pictures, cache, rule):
    fresh = scan_label_files(pictures, rule)
    assert_same(scan_with_cache(pictures, rule), fresh)
    (stored,) = cache.iterdir()
    assert_same(scan_with_cache(pictures, rule), fresh)
    assert list(cache.iterdir()) == [stored]


def test_the_cache_is_what_is_read_the_second_time(pictures, cache):
    scan_with_cache(pictures, POSE)
    scan_with_cache(pictures[:5], POSE)
    first = min(cache.iterdir(), key=lambda path: path.stat().st_size)
    with np.load(first) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["sizes"] = arrays["sizes"] + 1
    np.savez(first, **arrays)
    assert all(labels.size == (21, 31) for labels in scan_with_cache(pictures[:5], POSE)[0])


def test_nothing_is_written_beside_the_files_of_the_user(pictures, tmp_path):
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "gallery").rglob("*"))
    scan_with_cache(pictures, POSE)
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "gallery").rglob("*")) == before


def touch_label(picture):
    Path(picture).with_suffix(".txt").write_text("0 .5 .5 .1 .1")


def keep_label_time(picture):
    """Change one digit, and leave size and time as they were."""
    label = Path(picture).with_suffix(".txt")
    label.write_text("0 .5 .5 .1 .1")
    fingerprint([picture], DETECT)
    times = (label.stat().st_atime_ns, label.stat().st_mtime_ns)
    label.write_text("0 .5 .5 .1 .2")
    os.utime(label, ns=times)


def change_picture(picture):
    cv2.imwrite(picture, np.zeros((40, 30, 3), np.uint8))


def touch_picture(picture):
    os.utime(picture, ns=(1, 1))


def remove_label(picture):
    Path(picture).with_suffix(".txt").unlink()


def label_becomes_folder(picture):
    remove_label(picture)
    Path(picture).with_suffix(".txt").mkdir()


@pytest.mark.parametrize(
    "change",
    [touch_label, keep_label_time, change_picture, touch_picture, remove_label, label_becomes_folder, os.unlink],
    ids=lambda change: change.__name__,
)
def test_a_changed_file_is_noticed(pictures, change):
    before = fingerprint(pictures, DETECT)
    assert fingerprint(pictures, DETECT) == before
    change(pictures[1])
    assert fingerprint(pictures, DETECT) != before
    assert_same(scan_with_cache(pictures, DETECT), scan_label_files(pictures, DETECT))


def test_an_empty_label_file_is_not_the_same_as_none(pictures):
    Path(pictures[1]).with_suffix(".txt").write_bytes(b"")
    before = fingerprint(pictures, DETECT)
    remove_label(pictures[1])
    assert fingerprint(pictures, DETECT) != before


def test_another_rule_or_choice_of_pictures_is_another_scan(pictures):
    rules = [
        *RULES,
        replace(POSE, nc=4),
        replace(POSE, single_cls=True),
        replace(POSE, kpt_shape=(3, 2)),
        replace(BOXLESS, keypoint_classes=frozenset({0, 1})),
        replace(BOXLESS, layout="keypoints_polygon"),
    ]
    keys = {fingerprint(pictures, rule) for rule in rules}
    assert len(keys) == len(set(rules))
    assert fingerprint(pictures[:-1], POSE) != fingerprint(pictures, POSE) != fingerprint(pictures[::-1], POSE)


@pytest.mark.parametrize("damage", ["empty", "cut", "byte", "text", "foreign", "other key", "pickle", "wrong counts"])
def test_a_damaged_or_foreign_cache_file_is_replaced(pictures, cache, damage, caplog):
    fresh = scan_with_cache(pictures, SEGMENT)
    (stored,) = cache.iterdir()
    good = stored.read_bytes()
    spoil(stored, good, damage)
    with caplog.at_level(logging.DEBUG, logger="posekit"):
        assert_same(scan_with_cache(pictures, SEGMENT), fresh)
    (message,) = [record.message for record in caplog.records if record.levelno == logging.DEBUG]
    assert str(stored) in message
    assert "is not usable" in message
    with np.load(stored) as file:
        assert str(file["key"]) == stored.stem


def spoil(stored, good, damage):
    with np.load(stored) as file:
        arrays = {name: file[name] for name in file.files}
    if damage == "foreign":
        np.savez(stored, a=np.arange(3))
    elif damage == "other key":
        np.savez(stored, **(arrays | {"key": np.array("0" * 32)}))
    elif damage == "pickle":
        np.savez(stored, allow_pickle=True, **(arrays | {"boxes": np.array([{"a": 1}], object)}))
    elif damage == "wrong counts":
        np.savez(stored, **(arrays | {"starts": arrays["starts"] + 1}))
    else:
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 0xFF]) + good[middle + 1 :]
        stored.write_bytes({"empty": b"", "cut": good[:middle], "byte": flipped, "text": b"hello"}[damage])


def test_the_least_used_files_are_removed(pictures, cache):
    cache.mkdir(parents=True)
    for number in range(MAX_FILES + 5):
        (cache / f"{number}.npz").write_bytes(b"")
        os.utime(cache / f"{number}.npz", ns=(number + 1, number + 1))
    scan_with_cache(pictures, POSE)
    left = {path.name for path in cache.iterdir()}
    assert len(left) == MAX_FILES
    assert f"{fingerprint(pictures, POSE)}.npz" in left
    assert "5.npz" not in left
    assert f"{MAX_FILES + 4}.npz" in left


def test_a_cache_that_cannot_be_written_costs_only_time(pictures, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POSEKIT_CACHE_DIR", str(tmp_path / "file"))
    with caplog.at_level(logging.DEBUG, logger="posekit"):
        assert_same(scan_with_cache(pictures, POSE), scan_label_files(pictures, POSE))
    assert "cannot be written" in caplog.text


def test_a_scan_without_a_package_it_needs_is_not_kept(tmp_path, cache, monkeypatch):
    from PIL import Image

    monkeypatch.setitem(sys.modules, "rawpy", None)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.dng", "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    assert scan_with_cache([str(tmp_path / "a.dng")], DETECT)[1].corrupt == 1
    assert not cache.exists()


@given(seed=st.integers(0, 2**32), rule=st.sampled_from(RULES))
def test_any_scan_survives_being_packed(seed, rule, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    names = []
    for number, (_, data) in enumerate(mutations(seed=seed, count=3, most=1)):
        names += [str(folder / f"{number}\udcff.png")] if sys.platform == "linux" else [str(folder / f"{number}.png")]
        Path(names[-1]).write_bytes(cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))[1].tobytes())
        Path(names[-1]).with_suffix(".txt").write_bytes(data)
    scan = scan_label_files(names, rule)
    assert_same(unpack_scan(pack_scan(*scan, names), names), scan)
