import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.io.write import OutputNames, safe_stem
from posekit.sample import Origin, Sample


def sample(path: str, **origin) -> Sample:
    return Sample(image=np.zeros((4, 4, 3), np.uint8), path=path, origin=Origin(**origin))


def test_repeated_stems_get_numbers():
    names = OutputNames()
    paths = ["a/x.jpg", "b/x.png", "c/X.webp", "d/x-2.jpg", "e/x.jpg"]
    stems = [names.stem(sample(path, kind="image", index=i)) for i, path in enumerate(paths)]
    assert stems == ["x", "x-2", "X-3", "x-2-2", "x-4"]


def test_asking_twice_gives_the_same_name():
    names = OutputNames()
    one = sample("x.jpg", kind="image", index=1)
    assert names.stem(one) == names.stem(one) == "x"


def test_frames_of_one_video_share_a_name_and_two_videos_do_not():
    names = OutputNames()
    frames = [sample("a/v.mp4", kind="video", index=1, frame=i) for i in (1, 2)]
    assert [names.stem(frame) for frame in frames] == ["v", "v"]
    assert names.stem(sample("b/v.mp4", kind="video", index=2, frame=1)) == "v-2"


@pytest.mark.parametrize(
    ("url", "stem"),
    [
        ("rtsp://user:secret@10.0.0.2:554/live/1?a=b", "10.0.0.2_554_live_1_a=b"),
        ("rtsp://user:***@cam/live", "cam_live"),
        ("http://127.0.0.1:8080/", "127.0.0.1_8080"),
        ("0", "0"),
    ],
)
def test_streams_are_named_by_their_address_without_credentials(url, stem):
    assert OutputNames().stem(sample(url, kind="stream")) == stem


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("/a/b.c.jpg", "b.c"), ("../..", "unnamed"), ("..\\..\\evil.jpg", "evil"), ("/a/", "unnamed"), ("", "unnamed"),
        ("a/写真.png", "写真"), ("plain", "plain"), ("x" * 300 + ".jpg", "x" * 200), ("a/.jpg", "jpg"),
    ],
)  # fmt: skip
def test_file_stems(path, stem):
    assert safe_stem(path) == stem


@given(st.text(max_size=300), st.booleans())
def test_no_name_leaves_its_folder(path, is_stream):
    stem = safe_stem(path, is_stream=is_stream)
    assert Path(stem).name == stem
    assert stem not in ("", ".", "..")
    assert len(stem.encode()) <= 200


def test_very_many_files_of_one_name_get_their_numbers_quickly():
    names = OutputNames()
    began = time.monotonic()
    stems = [names.stem(sample(f"{i}/frame.jpg", index=i)) for i in range(20_000)]
    assert stems[-1] == "frame-20000"
    assert time.monotonic() - began < 10
