from pathlib import Path

import pytest
import torch

from posekit.errors import SettingError, SourceNotFoundError, SourceTypeError, SourceValueError
from posekit.io.live import ScreenSource, StreamSource


def shape(source) -> list[list[str]]:
    """Names of the files in each batch."""
    with source as batches:
        return [[Path(sample.path).stem for sample in batch] for batch in batches]


def test_a_list_of_paths_is_one_batch(opened, media_folder):
    assert shape(opened(["p3.png", Path("p0.png"), "p1.png"])) == [["p3", "p0", "p1"]]
    assert shape(opened(("p3.png", "v1.avi", "p1.png"), vid_stride=20)) == [["p3"], ["v1"], ["p1"]]


def test_webcam_numbers_and_live_urls_are_streams(opened, tmp_path):
    (tmp_path / "cams.streams").write_text("rtsp://a/1\n\n1\n")
    for source, count in ((0, 1), ("0", 1), ("rtsp://user:pw@host/live", 1), (str(tmp_path / "cams.streams"), 2)):
        stream = opened(source)
        assert isinstance(stream, StreamSource)
        assert (stream.count, stream.live, stream.is_video) == (count, True, True)


def test_the_word_screen_stands_for_it_unless_a_file_has_that_name(opened, media_folder):
    assert isinstance(opened("screen 1"), ScreenSource)
    (media_folder / "screen").mkdir()
    (media_folder / "p0.png").rename(media_folder / "screen" / "p0.png")
    assert shape(opened("screen")) == [["p0"]]


@pytest.mark.parametrize("source", [b"a.jpg", {"a": 1}, 1.5, True, object(), [b"a.jpg"], [[1, 2]], None])
def test_another_type_is_refused_with_the_accepted_ones(opened, source):
    with pytest.raises(SourceTypeError, match="pass"):
        opened(source)


def test_a_tensor_in_a_list_is_refused(opened):
    with pytest.raises(SourceTypeError, match=r"item 0 .* is a tensor"):
        opened([torch.zeros(3, 32, 32)])


def test_a_video_among_arrays_is_refused(opened, media_folder, picture):
    with pytest.raises(SourceTypeError, match=r"v1\.avi: a video cannot"):
        opened([picture, "v1.avi"])


def test_an_empty_list_is_not_found(opened):
    with pytest.raises(SourceNotFoundError, match=r"list of sources is empty.*jpg"):
        opened([])


def test_a_missing_file_is_found_out_at_once(opened, media_folder):
    for source in ("gone.png", ["p0.png", "gone.png"], "gone.streams"):
        with pytest.raises(SourceNotFoundError, match="gone"):
            opened(source)


def test_a_tensor_of_a_wrong_size_is_found_out_at_once(opened):
    with pytest.raises(SourceValueError, match="multiples of 32"):
        opened(torch.zeros(1, 3, 31, 32))


@pytest.mark.parametrize("options", [{"batch": 0}, {"vid_stride": 0}])
def test_counts_below_one_are_refused(opened, media_folder, options):
    with pytest.raises(SettingError, match="at least 1"):
        opened("p0.png", **options)
