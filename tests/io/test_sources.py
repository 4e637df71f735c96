import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from posekit.errors import (
    MissingExtraError,
    SettingError,
    SourceNotFoundError,
    SourceTypeError,
    SourceValueError,
    UnreadableImageError,
)
from posekit.io.figures import FigureSource
from posekit.io.screen import ScreenSource
from posekit.io.sources import open_source
from posekit.io.streams import StreamSource


@pytest.fixture
def opened(tmp_path):
    def open_it(source, **options):
        return open_source(source, download_dir=tmp_path / "downloads", **options)

    return open_it


@pytest.fixture
def folder(tmp_path, picture, write_video, monkeypatch) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f"p{i}.png"), picture + np.uint8(i))
    write_video(folder / "v1.avi")
    write_video(folder / "v2.avi")
    monkeypatch.chdir(folder)
    return folder


def shape(source) -> list[list[str]]:
    """Names of the files in each batch."""
    with source as batches:
        return [[Path(sample.path).stem for sample in batch] for batch in batches]


def test_one_file(opened, folder, picture):
    for source in ("p0.png", folder / "p0.png", os.fspath(folder / "p0.png")):
        with opened(source, batch=4) as batches:
            assert (batches.count, batches.live, batches.is_video) == (1, False, False)
            [[sample]] = batches
        assert sample.path == str(folder / "p0.png")
        assert np.array_equal(sample.image, picture)
        assert (sample.origin.kind, sample.origin.index, sample.origin.count) == ("image", 1, 1)


def test_a_folder_never_mixes_pictures_and_videos_or_two_videos(opened, folder):
    source = opened(folder, batch=3, vid_stride=5)
    assert (source.count, source.is_video) == (7, True)
    assert shape(source) == [
        ["p0", "p1", "p2"], ["p3", "p4"], ["v1"] * 3, ["v1"], ["v2"] * 3, ["v2"]
    ]  # fmt: skip


def test_files_are_numbered_from_one_across_kinds(opened, folder):
    with opened(folder, batch=2, vid_stride=20) as batches:
        origins = [sample.origin for batch in batches for sample in batch]
    assert [origin.index for origin in origins] == [1, 2, 3, 4, 5, 6, 7]
    assert {origin.count for origin in origins} == {7}


def test_iterating_again_starts_again(opened, folder):
    source = opened("p*.png", batch=2)
    assert next(iter(source))[0].path == next(iter(source))[0].path
    assert shape(source) == shape(source)


def test_a_list_of_paths_is_one_batch(opened, folder):
    assert shape(opened(["p3.png", Path("p0.png"), "p1.png"])) == [["p3", "p0", "p1"]]
    assert shape(opened(("p3.png", "v1.avi", "p1.png"), vid_stride=20)) == [["p3"], ["v1"], ["p1"]]


def test_a_list_of_pictures_in_memory_is_one_batch_whatever_batch_says(opened, folder, picture):
    pil = Image.open(folder / "p2.png")
    with opened([picture, pil, "p1.png", picture[..., 0]], batch=1) as batches:
        [samples] = batches
    pil.close()
    assert [Path(sample.path).name for sample in samples] == ["image0.jpg", "p2.png", "p1.png", "image3.jpg"]
    assert [sample.origin.index for sample in samples] == [0, 1, 2, 3]
    assert {sample.origin.kind for sample in samples} == {"array"}
    assert np.array_equal(samples[1].image, picture + np.uint8(2))


def test_one_array_one_pil_image_and_one_tensor(opened, picture):
    [[array]] = opened(picture)
    [[pil]] = opened(Image.fromarray(picture[..., ::-1].copy()))
    [[first, second]] = opened(torch.zeros(2, 3, 32, 32))
    assert array.path == pil.path == "image0.jpg"
    assert np.array_equal(array.image, pil.image)
    assert (first.path, second.path) == ("image0.jpg", "image1.jpg")
    assert first.tensor is not None
    assert array.tensor is None


def test_webcam_numbers_and_live_urls_are_streams(opened, tmp_path):
    (tmp_path / "cams.streams").write_text("rtsp://a/1\n\n1\n")
    for source, count in ((0, 1), ("0", 1), ("rtsp://user:pw@host/live", 1), (str(tmp_path / "cams.streams"), 2)):
        stream = opened(source)
        assert isinstance(stream, StreamSource)
        assert (stream.count, stream.live, stream.is_video) == (count, True, True)


def test_words_stand_for_screen_and_figures_unless_a_file_has_that_name(opened, folder):
    assert isinstance(opened("screen 1"), ScreenSource)
    assert isinstance(opened("figures:2:5"), FigureSource)
    (folder / "figures").mkdir()
    (folder / "p0.png").rename(folder / "figures" / "p0.png")
    assert shape(opened("figures")) == [["p0"]]


@pytest.mark.parametrize("source", [b"a.jpg", {"a": 1}, 1.5, True, object(), [b"a.jpg"], [[1, 2]], None])
def test_another_type_is_refused_with_the_accepted_ones(opened, source):
    with pytest.raises(SourceTypeError, match="pass"):
        opened(source)


def test_a_tensor_in_a_list_is_refused(opened):
    with pytest.raises(SourceTypeError, match=r"item 0 .* is a tensor"):
        opened([torch.zeros(3, 32, 32)])


def test_a_video_among_arrays_is_refused(opened, folder, picture):
    with pytest.raises(SourceTypeError, match=r"v1\.avi: a video cannot"):
        opened([picture, "v1.avi"])


def test_an_empty_list_is_not_found(opened):
    with pytest.raises(SourceNotFoundError, match=r"list of sources is empty.*jpg"):
        opened([])


def test_a_missing_file_is_found_out_at_once(opened, folder):
    for source in ("gone.png", ["p0.png", "gone.png"], "gone.streams"):
        with pytest.raises(SourceNotFoundError, match="gone"):
            opened(source)


def test_a_tensor_of_a_wrong_size_is_found_out_at_once(opened):
    with pytest.raises(SourceValueError, match="multiples of 32"):
        opened(torch.zeros(1, 3, 31, 32))


@pytest.mark.parametrize("options", [{"batch": 0}, {"vid_stride": 0}])
def test_counts_below_one_are_refused(opened, folder, options):
    with pytest.raises(SettingError, match="at least 1"):
        opened("p0.png", **options)


def test_a_single_unreadable_file_raises_its_own_error(opened, folder, caplog):
    (folder / "p0.png").write_bytes(b"")
    with pytest.raises(UnreadableImageError, match=r"p0\.png: the file is empty"):
        list(opened("p0.png"))
    assert not caplog.records


def test_one_unreadable_file_of_several_is_skipped_with_one_warning(opened, folder, caplog):
    (folder / "p1.png").write_bytes(b"")
    assert shape(opened("p*.png", batch=2)) == [["p0", "p2"], ["p3", "p4"]]
    [warning] = caplog.messages
    assert "p1.png: the file is empty (0 bytes); skipped" in warning


def test_a_file_without_its_optional_package_is_skipped_too(opened, folder, caplog):
    Image.new("RGB", (16, 12)).save(folder / "p1.png", "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rawpy", None)
        assert len(shape(opened("p*.png"))) == 4
        with pytest.raises(MissingExtraError):
            list(opened("p1.png"))
    [warning] = caplog.messages
    assert "p1.png: DNG pictures need" in warning


def test_when_nothing_can_be_read_there_is_an_error(opened, folder, caplog):
    for name in ("p0.png", "p1.png"):
        (folder / name).write_bytes(b"")
    with pytest.raises(UnreadableImageError, match="none of the 2"):
        list(opened(["p0.png", "p1.png"]))
    assert len(caplog.messages) == 2


def test_a_damaged_pil_image_of_several_is_skipped(opened, folder, picture, caplog):
    (folder / "p1.png").write_bytes((folder / "p1.png").read_bytes()[:200])
    with Image.open(folder / "p1.png") as damaged:
        [[sample]] = opened([damaged, picture])
    assert sample.path == "image1.jpg"
    assert len(caplog.messages) == 1
