import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posekit.errors import MissingExtraError, UnreadableImageError


def shape(source) -> list[list[str]]:
    """Names of the files in each batch."""
    with source as batches:
        return [[Path(sample.path).stem for sample in batch] for batch in batches]


def test_one_file(opened, media_folder, picture):
    for source in ("p0.png", media_folder / "p0.png", os.fspath(media_folder / "p0.png")):
        with opened(source, batch=4) as batches:
            assert (batches.count, batches.live, batches.is_video) == (1, False, False)
            [[sample]] = batches
        assert sample.path == str(media_folder / "p0.png")
        assert np.array_equal(sample.image, picture)
        assert (sample.origin.kind, sample.origin.index, sample.origin.count) == ("image", 1, 1)


def test_a_folder_never_mixes_pictures_and_videos_or_two_videos(opened, media_folder):
    source = opened(media_folder, batch=3, vid_stride=5)
    assert (source.count, source.is_video) == (7, True)
    assert shape(source) == [
        ["p0", "p1", "p2"], ["p3", "p4"], ["v1"] * 3, ["v1"], ["v2"] * 3, ["v2"]
    ]  # fmt: skip


def test_files_are_numbered_from_one_across_kinds(opened, media_folder):
    with opened(media_folder, batch=2, vid_stride=20) as batches:
        origins = [sample.origin for batch in batches for sample in batch]
    assert [origin.index for origin in origins] == [1, 2, 3, 4, 5, 6, 7]
    assert {origin.count for origin in origins} == {7}


def test_iterating_again_starts_again(opened, media_folder):
    source = opened("p*.png", batch=2)
    assert next(iter(source))[0].path == next(iter(source))[0].path
    assert shape(source) == shape(source)


def test_a_single_unreadable_file_raises_its_own_error(opened, media_folder, caplog):
    (media_folder / "p0.png").write_bytes(b"")
    with pytest.raises(UnreadableImageError, match=r"p0\.png: the file is empty"):
        list(opened("p0.png"))
    assert not caplog.records


def test_one_unreadable_file_of_several_is_skipped_with_one_warning(opened, media_folder, caplog):
    (media_folder / "p1.png").write_bytes(b"")
    assert shape(opened("p*.png", batch=2)) == [["p0", "p2"], ["p3", "p4"]]
    [warning] = caplog.messages
    assert "p1.png: the file is empty (0 bytes); skipped" in warning


def test_a_file_without_its_optional_package_is_skipped_too(opened, media_folder, caplog):
    Image.new("RGB", (16, 12)).save(media_folder / "p1.png", "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rawpy", None)
        assert len(shape(opened("p*.png"))) == 4
        with pytest.raises(MissingExtraError):
            list(opened("p1.png"))
    [warning] = caplog.messages
    assert "p1.png: DNG pictures need" in warning


def test_when_nothing_can_be_read_there_is_an_error(opened, media_folder, caplog):
    for name in ("p0.png", "p1.png"):
        (media_folder / name).write_bytes(b"")
    with pytest.raises(UnreadableImageError, match="none of the 2"):
        list(opened(["p0.png", "p1.png"]))
    assert len(caplog.messages) == 2
