"""Videos are read frame by frame, damaged ones as far as they go, and written so that browsers play them."""

import contextlib
import random
import struct
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from posekit.errors import OutputError, SourceNotFoundError, UnreadableImageError
from posekit.io.video import VideoWriter, check_video, holds_video, read_video
from posekit.io.write import OutputNames
from posekit.sample import Origin, Sample


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


def test_an_mp4_without_its_index_is_refused(tmp_path, write_video):
    path = write_video(tmp_path / "a.mp4", "mp4v")
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(UnreadableImageError, match=r"a\.mp4: the recording is cut short or damaged \(Invalid data"):
        list(read_video(path, index=1, count=1))


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


def test_an_mp4_that_begins_with_its_index_gives_what_is_left_when_cut(tmp_path, caplog):
    write_all(tmp_path, [frame(i) for i in range(1, 21)])
    path = tmp_path / f"clip{SUFFIX}"
    path.write_bytes(path.read_bytes()[:-200])
    samples = list(read_video(path, index=1, count=1))
    assert [sample.origin.frame for sample in samples] == list(range(1, len(samples) + 1))
    assert 0 < len(samples) < 20
    assert caplog.messages == [f"{path}: the video breaks off, {len(samples)} of its 20 announced frames could be read"]


# What the rotation in a phone's file does to the places of a picture: rows of its matrix, in fixed point.
ONE, W = 1 << 16, 1 << 30
MATRICES = {
    0: (ONE, 0, 0, 0, ONE, 0, 0, 0, W), 1: (0, -ONE, 0, ONE, 0, 0, 0, 0, W),
    2: (-ONE, 0, 0, 0, -ONE, 0, 0, 0, W), 3: (0, ONE, 0, -ONE, 0, 0, 0, 0, W),
}  # fmt: skip


@pytest.mark.parametrize("quarters", MATRICES)
def test_a_video_that_was_filmed_on_its_side_is_turned_upright(tmp_path, picture, quarters):
    origin = Origin(kind="video", index=1, frame=1, fps=10)
    write_all(tmp_path, [Sample(image=picture, path="clip.mp4", origin=origin)])
    path = tmp_path / f"clip{SUFFIX}"
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", *MATRICES[quarters])
    path.write_bytes(data)
    [sample] = read_video(path, index=1, count=1)
    upright = np.rot90(picture, quarters)
    assert sample.image.shape == upright.shape
    assert np.abs(sample.image.astype(int) - upright).mean() < 6
    assert sample.image.flags.c_contiguous


@pytest.mark.parametrize("name", ["a.avi", "a.mp4", "a.mkv", "a.webm"])
def test_damaged_bytes_give_a_result_or_one_clear_error(tmp_path, write_video, name, caplog):
    path = write_video(tmp_path / name, {"mp4": "mp4v", "webm": "VP80"}.get(name[2:], "MJPG"))
    whole = path.read_bytes()
    chance = random.Random(0)
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(20):
            data[chance.randrange(12, len(data))] = chance.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(UnreadableImageError):
            assert all(sample.image.dtype == np.uint8 for sample in read_video(path, index=1, count=1))


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


SUFFIX = ".mp4"


def frame(
    number: int, path: str = "a/clip.mp4", kind: str = "video", index: int = 1, fps: float | None = 12.0
) -> Sample:
    image = np.full((48, 64, 3), 10 * number, np.uint8)
    return Sample(image=image, path=path, origin=Origin(kind=kind, index=index, frame=number, fps=fps))


def read(path) -> tuple[float, list[np.ndarray]]:
    capture = cv2.VideoCapture(str(path))
    fps, frames = capture.get(cv2.CAP_PROP_FPS), []
    while (grabbed := capture.read())[0]:
        frames.append(grabbed[1])
    capture.release()
    return fps, frames


def write_all(folder, samples, **options) -> list[str]:
    with VideoWriter(folder, OutputNames(), **options) as writer:
        return [writer.write(sample, sample.image).name for sample in samples]


def test_frames_become_a_video_of_the_same_rate(tmp_path):
    assert set(write_all(tmp_path / "run", [frame(i) for i in range(1, 11)])) == {f"clip{SUFFIX}"}
    fps, frames = read(tmp_path / "run" / f"clip{SUFFIX}")
    assert fps == 12
    assert [round(float(image.mean()) / 10) for image in frames] == list(range(1, 11))


def test_what_is_written_is_what_browsers_play(tmp_path):
    write_all(tmp_path, [frame(i) for i in range(1, 4)])
    path = tmp_path / f"clip{SUFFIX}"
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (49, 64), (48, 65)])
def test_an_odd_side_gets_one_more_row_or_column_and_no_pixel_is_lost(tmp_path, height, width):
    image = np.full((height, width, 3), 90, np.uint8)
    write_all(tmp_path, [Sample(image=image, path="clip.mp4", origin=frame(1).origin)])
    [saved] = read(tmp_path / f"clip{SUFFIX}")[1]
    assert saved.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(saved.astype(int) - 90).max() < 6


def test_a_stride_slows_the_rate_so_that_time_stays_right(tmp_path):
    write_all(tmp_path, [frame(i) for i in (1, 4, 7)], vid_stride=3)
    assert read(tmp_path / f"clip{SUFFIX}")[0] == 4


def test_an_unknown_rate_becomes_30(tmp_path):
    write_all(tmp_path, [frame(1, fps=None)])
    assert read(tmp_path / f"clip{SUFFIX}")[0] == 30


def test_each_video_gets_its_own_file(tmp_path):
    samples = [frame(1), frame(2), frame(1, "b/clip.mp4", index=2), frame(1, "c/other.avi", index=3)]
    assert write_all(tmp_path, samples) == [f"clip{SUFFIX}", f"clip{SUFFIX}", f"clip-2{SUFFIX}", f"other{SUFFIX}"]
    assert [len(read(tmp_path / f"{stem}{SUFFIX}")[1]) for stem in ("clip", "clip-2", "other")] == [2, 1, 1]


def test_streams_are_written_side_by_side(tmp_path):
    urls = ["rtsp://cam/1", "rtsp://cam/2"]
    samples = [frame(i, url, "stream", index) for i in range(1, 4) for index, url in enumerate(urls)]
    write_all(tmp_path, samples)
    assert [len(read(tmp_path / f"cam_{i}{SUFFIX}")[1]) for i in (1, 2)] == [3, 3]


def test_a_frame_of_another_size_is_scaled_and_not_lost(tmp_path):
    second = Sample(image=np.full((24, 30, 3), 200, np.uint8), path="a/clip.mp4", origin=frame(2).origin)
    write_all(tmp_path, [frame(1), second])
    assert [image.shape for image in read(tmp_path / f"clip{SUFFIX}")[1]] == [(48, 64, 3)] * 2


def test_a_finished_video_can_be_read_while_the_next_is_written(tmp_path):
    with VideoWriter(tmp_path, OutputNames()) as writer:
        writer.write(frame(1), frame(1).image)
        writer.write(frame(1, "next.mp4", index=2), frame(1).image)
        assert len(read(tmp_path / f"clip{SUFFIX}")[1]) == 1


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path):
    (tmp_path / f"clip{SUFFIX}").mkdir()
    with pytest.raises(OutputError, match="clip"):
        write_all(tmp_path, [frame(1)])
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_all(tmp_path / "file" / "run", [frame(1)])


FULL_DISK = """
import pathlib, resource, signal, sys
import numpy as np
from posekit.errors import OutputError
from posekit.io.write import OutputNames
from posekit.io.video import VideoWriter
from posekit.sample import Origin, Sample

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
chance = np.random.default_rng(0)
try:
    with VideoWriter(pathlib.Path(sys.argv[1]), OutputNames()) as writer:
        for number in range(1, 31):
            noise = chance.integers(0, 256, (240, 320, 3), np.uint8)
            writer.write(Sample(image=noise, path="clip.mp4", origin=Origin(kind="video", frame=number)), noise)
except OutputError as error:
    print(error)
"""


def test_a_video_that_does_not_fit_on_the_disk_is_an_error_and_leaves_nothing(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "run"], capture_output=True, text=True, check=True
    ).stdout
    assert f"clip{SUFFIX}: the video could not be written to its end" in told
    assert list((tmp_path / "run").iterdir()) == []
