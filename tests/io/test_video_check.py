import cv2
import pytest
from PIL import Image

from posekit.errors import SourceNotFoundError, UnreadableImageError
from posekit.io.video import check_video, holds_video


def test_content_decides_before_the_suffix(tmp_path, write_video, picture):
    video = write_video(tmp_path / "a.avi").rename(tmp_path / "a.jpg")
    image = tmp_path / "a.mp4"
    image.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    assert holds_video(video)
    assert not holds_video(image)


def test_the_suffix_decides_where_content_says_nothing(tmp_path):
    for name, video in (("a.ts", True), ("a.jpg", False), ("a.bin", False)):
        (tmp_path / name).write_bytes(bytes(600))
        assert holds_video(tmp_path / name) == video


def test_a_gif_is_a_video_by_its_suffix_only(tmp_path):
    for name, video in (("a.gif", True), ("a.png", False)):
        Image.new("P", (4, 4)).save(tmp_path / name, "GIF")
        assert holds_video(tmp_path / name) == video


def test_a_whole_video_passes(tmp_path, write_video):
    check_video(write_video(tmp_path / "a.mp4", "mp4v"))


def test_an_mp4_without_its_index_is_refused(tmp_path, write_video):
    path = write_video(tmp_path / "a.mp4", "mp4v")
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(UnreadableImageError, match=r"a\.mp4: the recording is cut short"):
        check_video(path)


PLAYLISTS = (b"#EXTM3U\n#EXTINF:1,\nother.avi\n", b"ffconcat version 1.0\nfile other.avi\n")


@pytest.mark.parametrize("playlist", PLAYLISTS)
def test_a_playlist_that_would_make_the_decoder_open_other_files_is_refused(tmp_path, playlist):
    path = tmp_path / "a.mp4"
    path.write_bytes(playlist)
    with pytest.raises(UnreadableImageError, match="is a text file, not a video"):
        check_video(path)


@pytest.mark.parametrize("odd", [b"#\x01\n", b"#\xff\n"])
@pytest.mark.parametrize("playlist", PLAYLISTS)
def test_odd_bytes_do_not_bring_a_playlist_past_the_check(tmp_path, playlist, odd):
    path = tmp_path / "a.mp4"
    path.write_bytes(playlist + odd)
    with pytest.raises(UnreadableImageError, match="holds no known video format"):
        check_video(path)


def test_a_word_in_the_right_place_does_not_make_a_playlist_a_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"#EXTM3U\nAVI \x01\n#EXTINF:1,\nother.avi\n")
    with pytest.raises(UnreadableImageError, match="holds no known video format"):
        check_video(path)


def test_an_empty_and_a_missing_file_are_told_apart(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(UnreadableImageError, match="empty"):
        check_video(tmp_path / "a.mp4")
    with pytest.raises(SourceNotFoundError, match=r"b\.mp4"):
        check_video(tmp_path / "b.mp4")
