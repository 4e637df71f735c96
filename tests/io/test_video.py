import numpy as np
import pytest

from posekit.errors import UnreadableImageError
from posekit.io.video import read_video

CONTAINERS = [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mkv", "MJPG"), ("a.mov", "mp4v"), ("a.webm", "VP80")]


@pytest.mark.parametrize(("name", "codec"), CONTAINERS)
def test_all_frames_come_in_order_with_their_numbers(tmp_path, write_video, frames, name, codec):
    path = write_video(tmp_path / name, codec)
    samples = list(read_video(path, index=2, count=3))
    assert [sample.origin.frame for sample in samples] == list(range(1, 21))
    for sample, frame in zip(samples, frames, strict=True):
        assert np.abs(sample.image.astype(int) - frame).mean() < 5
    origin = samples[0].origin
    assert (origin.kind, origin.index, origin.count, origin.frames, origin.fps) == ("video", 2, 3, 20, 10.0)
    assert samples[0].path == str(path)


def test_vid_stride_keeps_the_first_of_every_n_frames(tmp_path, write_video):
    path = write_video(tmp_path / "a.avi")
    samples = read_video(path, index=1, count=1, vid_stride=6)
    assert [sample.origin.frame for sample in samples] == [1, 7, 13, 19]


def test_a_video_cut_midway_gives_what_is_left_and_one_warning(tmp_path, write_video, caplog):
    path = write_video(tmp_path / "a.avi")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    samples = list(read_video(path, index=1, count=1))
    assert 0 < len(samples) < 19
    assert caplog.messages == [f"{path}: the video breaks off, {len(samples)} of its 20 announced frames could be read"]


def test_stopping_early_gives_no_warning_and_frees_the_file(tmp_path, write_video, caplog):
    path = write_video(tmp_path / "a.avi")
    samples = read_video(path, index=1, count=1)
    next(samples)
    samples.close()
    path.unlink()
    assert not caplog.messages


def test_a_file_without_frames_is_unreadable(tmp_path):
    path = tmp_path / "a.avi"
    path.write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST")
    with pytest.raises(UnreadableImageError, match=r"a\.avi: "):
        list(read_video(path, index=1, count=1))
