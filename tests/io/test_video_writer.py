import subprocess
import sys

import cv2
import numpy as np
import pytest

from posekit.errors import OutputError
from posekit.io.video import VideoWriter, container
from posekit.io.write import OutputNames
from posekit.sample import Origin, Sample

SUFFIX = container()[0]


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
noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
try:
    with VideoWriter(pathlib.Path(sys.argv[1]), OutputNames()) as writer:
        for number in range(1, 31):
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
