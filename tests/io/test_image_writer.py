import cv2
import numpy as np
import pytest

from posekit.errors import OutputError
from posekit.files.pictures import write_picture
from posekit.io.write import FrameWriter, ImageWriter, OutputNames
from posekit.sample import Origin, Sample


def sample(image, path: str, index: int = 0, kind: str = "image", frame: int | None = None) -> Sample:
    return Sample(image=image, path=path, origin=Origin(kind=kind, index=index, frame=frame))


def test_pictures_are_saved_as_jpeg_under_their_own_name(tmp_path, picture):
    writer = ImageWriter(tmp_path / "run", OutputNames())
    assert not (tmp_path / "run").exists()
    paths = [
        writer.write(sample(picture, name, i), picture) for i, name in enumerate(["a/x.png", "b/x.jpg", "写真.png"])
    ]
    assert [path.name for path in paths] == ["x.jpg", "x-2.jpg", "写真.jpg"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(path.name for path in paths)
    saved = cv2.imdecode(np.fromfile(paths[2], np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(saved.astype(int) - picture).mean() < 3


def test_frames_go_to_a_folder_of_their_video(tmp_path, picture):
    writer = FrameWriter(tmp_path, OutputNames())
    path = writer.write(sample(picture, "a/clip.mp4", 1, "video", frame=7), picture)
    assert path == tmp_path / "clip_frames" / "clip_7.jpg"
    assert path.is_file()


def test_no_name_leaves_the_folder(tmp_path, picture):
    path = ImageWriter(tmp_path / "run", OutputNames()).write(sample(picture, "../../evil/..", 0, "array"), picture)
    assert path.resolve().parent == (tmp_path / "run").resolve()


def test_a_file_that_exists_is_replaced(tmp_path, picture):
    (tmp_path / "x.jpg").write_text("old")
    path = ImageWriter(tmp_path, OutputNames()).write(sample(picture, "x.png"), picture)
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
