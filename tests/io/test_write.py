"""Names of what a run saves, and pictures saved under them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import OutputError
from posekit.files.pictures import write_picture
from posekit.io.write import OutputNames, PictureWriter, safe_stem
from posekit.sample import Origin, Sample


def named(path: str, **origin) -> Sample:
    return Sample(image=np.zeros((4, 4, 3), np.uint8), path=path, origin=Origin(**origin))


def test_repeated_stems_get_numbers():
    names = OutputNames()
    paths = ["a/x.jpg", "b/x.png", "c/X.webp", "d/x-2.jpg", "e/x.jpg"]
    stems = [names.stem(named(path, kind="image", index=i)) for i, path in enumerate(paths)]
    assert stems == ["x", "x-2", "X-3", "x-2-2", "x-4"]


def test_asking_twice_gives_the_same_name():
    names = OutputNames()
    one = named("x.jpg", kind="image", index=1)
    assert names.stem(one) == names.stem(one) == "x"


def test_frames_of_one_video_share_a_name_and_two_videos_do_not():
    names = OutputNames()
    frames = [named("a/v.mp4", kind="video", index=1, frame=i) for i in (1, 2)]
    assert [names.stem(frame) for frame in frames] == ["v", "v"]
    assert names.stem(named("b/v.mp4", kind="video", index=2, frame=1)) == "v-2"


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
    assert OutputNames().stem(named(url, kind="stream")) == stem


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


def test_very_many_files_of_one_name_get_their_numbers():
    names = OutputNames()
    stems = [names.stem(named(f"{i}/frame.jpg", index=i)) for i in range(20_000)]
    assert stems[-1] == "frame-20000"


def sample(image, path: str, index: int = 0, kind: str = "image", frame: int | None = None) -> Sample:
    return Sample(image=image, path=path, origin=Origin(kind=kind, index=index, frame=frame))


def test_pictures_are_saved_as_jpeg_under_their_own_name(tmp_path, picture):
    writer = PictureWriter(tmp_path / "run", OutputNames())
    assert not (tmp_path / "run").exists()
    paths = [
        writer.write(sample(picture, name, i), picture) for i, name in enumerate(["a/x.png", "b/x.jpg", "写真.png"])
    ]
    assert [path.name for path in paths] == ["x.jpg", "x-2.jpg", "写真.jpg"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(path.name for path in paths)
    saved = cv2.imdecode(np.fromfile(paths[2], np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(saved.astype(int) - picture).mean() < 3


def test_frames_go_to_a_folder_of_their_video(tmp_path, picture):
    writer = PictureWriter(tmp_path, OutputNames())
    path = writer.write(sample(picture, "a/clip.mp4", 1, "video", frame=7), picture)
    assert path == tmp_path / "clip_frames" / "clip_7.jpg"
    assert path.is_file()


def test_no_name_leaves_the_folder(tmp_path, picture):
    path = PictureWriter(tmp_path / "run", OutputNames()).write(sample(picture, "../../evil/..", 0, "array"), picture)
    assert path.resolve().parent == (tmp_path / "run").resolve()


def test_a_file_that_exists_is_replaced(tmp_path, picture):
    (tmp_path / "x.jpg").write_text("old")
    path = PictureWriter(tmp_path, OutputNames()).write(sample(picture, "x.png"), picture)
    assert cv2.imread(str(path)).shape == picture.shape


def test_what_cannot_be_written_is_an_error_that_leaves_nothing_behind(tmp_path, picture):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"x\.jpg: cannot be written"):
        write_picture(tmp_path / "file" / "x.jpg", picture)
    with pytest.raises(OutputError, match="does not fit into a JPEG"):
        write_picture(tmp_path / "long.jpg", np.zeros((1, 65_501, 3), np.uint8))
    (tmp_path / "taken.jpg").mkdir()
    with pytest.raises(OutputError, match=r"taken\.jpg: cannot be written"):
        write_picture(tmp_path / "taken.jpg", picture)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken.jpg"]
