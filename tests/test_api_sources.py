"""Whatever `YOLO.predict` is given: the right picture, the right path, and everything released."""

import functools
import http.server
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from golden.fill import image
from posekit.errors import SourceNotFoundError, SourceTypeError, SourceValueError, UnreadableImageError


@pytest.fixture
def found(pose_model):
    """Return a function that predicts in silence, with a threshold that every picture passes."""
    return functools.partial(pose_model, verbose=False, conf=0.1)


def assert_same(first, second, tolerance=0.0):
    assert len(first) == len(second) > 0
    torch.testing.assert_close(first.boxes.data, second.boxes.data, atol=tolerance, rtol=0)
    torch.testing.assert_close(first.keypoints.data, second.keypoints.data, atol=tolerance, rtol=0)


def prefetching():
    return [thread for thread in threading.enumerate() if thread.name == "posekit prefetch"]


@pytest.mark.parametrize("form", [str, Path])
def test_a_file_its_array_and_its_pil_picture_give_the_same(found, gallery, form):
    path = gallery / "p0.png"
    (from_file,) = found(form(path))
    array = cv2.imread(str(path))
    assert from_file.path == str(path)
    np.testing.assert_array_equal(from_file.orig_img, array)
    for other in (array, np.asfortranarray(array), Image.open(path), Image.fromarray(array[..., ::-1])):
        assert_same(found(other)[0], from_file)


def test_a_relative_path_becomes_absolute(found, gallery, monkeypatch):
    monkeypatch.chdir(gallery)
    assert found("p1.png")[0].path == str(gallery / "p1.png")


def test_unnamed_pictures_are_numbered_and_named_ones_keep_their_names(found, picture, gallery):
    results = found([picture, Image.fromarray(picture), Image.open(gallery / "p2.png"), gallery / "p1.png"])
    names = ["image0.jpg", "image1.jpg", str(gallery / "p2.png"), str(gallery / "p1.png")]
    assert [result.path for result in results] == names


def test_a_turned_photograph_is_seen_upright(found, here, picture):
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(picture)[..., ::-1]))
    turned.save("turned.png", exif=exif)
    (upright,) = found("turned.png")
    assert upright.orig_shape == (96, 128)
    assert_same(upright, found(picture)[0])


def test_a_tensor_is_the_network_input_and_its_own_picture(found, picture):
    tensor = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    (result,) = found(tensor)
    assert result.orig_img.shape == (3, 96, 128)
    torch.testing.assert_close(result.orig_img, tensor[0])
    assert (result.path, result.orig_shape) == ("image0.jpg", (96, 128))
    assert_same(result, found(picture)[0], tolerance=1e-3)
    np.testing.assert_array_equal(result.plot(), found(picture)[0].plot())


def test_a_batch_of_tensors_is_read_as_such(found, picture):
    tensor = (
        torch.from_numpy(np.stack([picture, image(96, 128, 1)])[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
    )
    results = found(tensor)
    assert [result.path for result in results] == ["image0.jpg", "image1.jpg"]
    assert_same(results[1], found(image(96, 128, 1))[0], tolerance=1e-3)


def test_questionable_tensors_are_read_with_a_warning(found, picture, caplog):
    pixels = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)
    assert_same(found(pixels)[0], found(picture)[0], tolerance=1e-3)
    assert "taken as one picture" in caplog.text
    assert "divided by 255" in caplog.text


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        (torch.zeros(1, 3, 100, 96), SourceValueError, "multiples of 32"),
        (torch.zeros(1, 4, 96, 96), SourceValueError, r"\(B, 3, H, W\)"),
        (np.zeros((96, 96, 3), np.float32), SourceTypeError, "uint8"),
        (np.zeros((2, 96, 96, 3), np.uint8), SourceValueError, "list"),
        ([], SourceNotFoundError, "empty"),
        ([torch.zeros(3, 96, 96)], SourceTypeError, "tensor"),
        ({"a": 1}, SourceTypeError, "dict"),
        (1.5, SourceTypeError, "float"),
        ("none/such.jpg", SourceNotFoundError, "such.jpg"),
    ],
)
def test_what_cannot_be_read_is_one_error_that_says_what_can(pose_model, source, error, text):
    with pytest.raises(error, match=text):
        pose_model(source)


def test_one_damaged_picture_of_several_is_skipped_and_the_rest_is_right(found, gallery, caplog):
    expected = found([gallery / "p0.png", gallery / "p2.png"])
    (gallery / "p1.png").write_bytes((gallery / "p1.png").read_bytes()[:500])
    results = found(gallery)
    assert [result.path for result in results] == [result.path for result in expected]
    for result, other in zip(results, expected, strict=True):
        assert_same(result, other, tolerance=1e-3)
    assert caplog.text.count("p1.png") == 1
    with pytest.raises(UnreadableImageError, match=r"p1\.png"):
        found(gallery / "p1.png")


def test_an_error_in_a_later_batch_comes_after_the_results_before_it(here, pose_model, gallery):
    def fail(predictor):
        if predictor.seen:
            raise RuntimeError(predictor.batch[0][0])

    pose_model.add_callback("on_predict_batch_start", fail)
    stream = pose_model(gallery, stream=True, save=True, conf=0.1, verbose=False)
    first = next(stream)
    with pytest.raises(RuntimeError, match=r"p1\.png"):
        next(stream)
    assert len(first) > 0
    assert [path.name for path in Path(first.save_dir).iterdir()] == ["p0.jpg"]
    assert prefetching() == []
    assert not pose_model.predictor.running


def test_frames_keep_their_order_and_strides_count(found, video):
    results = list(found(video, stream=True))
    assert [result.path for result in results] == [str(video)] * 8
    every_third = found(video, vid_stride=3)
    assert len(every_third) == 3
    for kept, index in zip(every_third, (0, 3, 6), strict=True):
        np.testing.assert_array_equal(kept.orig_img, results[index].orig_img)
    in_batches = found(video, batch=3, stream=True)
    for one, other in zip(in_batches, results, strict=True):
        assert_same(one, other, tolerance=1e-3)


def test_batches_never_span_two_videos(found, video, gallery):
    sizes = []
    found.func.add_callback("on_predict_batch_start", lambda predictor: sizes.append(len(predictor.batch[0])))
    (gallery / "a.avi").write_bytes(video.read_bytes())
    (gallery / "b.avi").write_bytes(video.read_bytes())
    list(found(gallery, batch=5, stream=True))
    assert sizes == [3, 5, 3, 5, 3]


def test_closing_a_stream_ends_the_thread_and_finishes_the_video(here, found, video):
    stream = found(video, stream=True, save=True, save_frames=True)
    for _ in range(3):
        result = next(stream)
    assert len(prefetching()) == 1
    assert found.func.predictor.running
    stream.close()
    assert prefetching() == []
    assert not found.func.predictor.running
    folder = Path(result.save_dir)
    (saved,) = folder.glob("clip.*")
    capture = cv2.VideoCapture(str(saved))
    assert capture.read()[0]
    capture.release()
    assert len(list((folder / "clip_frames").iterdir())) == 3


def test_a_stream_that_is_dropped_is_released_too(found, video):
    stream = found(video, stream=True)
    next(stream)
    del stream
    assert prefetching() == []


def test_a_picture_of_a_web_server_is_downloaded_and_predicted_on(here, found, gallery):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Keep the output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(gallery)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        (result,) = found(f"http://127.0.0.1:{server.server_port}/p0.png")
    finally:
        server.shutdown()
        server.server_close()
    assert Path(result.path).name == "p0.png"
    assert_same(result, found(gallery / "p0.png")[0])


def test_without_a_source_synthetic_scenes_are_taken_with_a_warning(pose_model, caplog):
    results = pose_model(imgsz=32, verbose=False)
    assert len(results) == 8
    assert "no source given: taking synthetic scenes" in caplog.text
