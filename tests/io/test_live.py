"""Cameras, streams and screens."""

import itertools
import socket
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from posekit.errors import MissingExtraError, SourceNotFoundError, SourceValueError, UnreadableImageError
from posekit.io.live import ScreenSource, StreamSource, parse_screen, read_stream_list


@pytest.fixture(autouse=True)
def _no_stream_thread_left():
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("posekit stream")]


def camera(count: int | None, pause_s: float = 0.02):
    """Answer with a Motion JPEG stream of `count` frames (None: without end), of brightness 5 * number."""

    def answer(request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        for number in itertools.count(1) if count is None else range(1, count + 1):
            data = cv2.imencode(".jpg", np.full((48, 64, 3), 5 * number % 256, np.uint8))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            request.wfile.write(head.encode() + data + b"\r\n")
            time.sleep(pause_s)

    return answer


def test_a_buffered_stream_gives_every_frame_in_order(serve):
    url = f"{serve(camera(40, 0.005))}/cam"
    numbers = []
    with StreamSource([url], stream_buffer=True) as source:
        for [sample] in source:
            assert sample.path == url
            assert (sample.origin.kind, sample.origin.index, sample.origin.count) == ("stream", 0, 1)
            assert abs(float(sample.image.mean()) - 5 * sample.origin.frame) < 3
            numbers.append(sample.origin.frame)
            time.sleep(0.01)
    assert numbers == list(range(1, 41))


def test_an_unbuffered_stream_gives_the_newest_frame_to_a_slow_caller(serve):
    with StreamSource([f"{serve(camera(None))}/cam"]) as source:
        numbers = []
        for [sample] in source:
            numbers.append(sample.origin.frame)
            if len(numbers) == 4:
                break
            time.sleep(0.3)
    assert all(later - earlier > 2 for earlier, later in itertools.pairwise(numbers[1:]))


def test_several_streams_are_one_batch_until_the_last_has_ended(serve):
    urls = [f"{serve(camera(count))}/cam" for count in (12, 4)]
    with StreamSource(urls, stream_buffer=True) as source:
        batches = [[sample.origin.index for sample in batch] for batch in source]
    assert batches == [[0, 1]] * 4 + [[0]] * 8


def test_vid_stride_keeps_every_nth_frame(serve):
    with StreamSource([f"{serve(camera(10))}/cam"], vid_stride=4, stream_buffer=True) as source:
        assert [sample.origin.frame for [sample] in source] == [1, 5, 9]


@pytest.mark.parametrize("buffered", [False, True])
def test_closing_ends_the_thread_of_an_endless_stream(serve, buffered):
    source = StreamSource([f"{serve(camera(None, 0.001))}/cam"], stream_buffer=buffered)
    next(iter(source))
    time.sleep(0.2)
    source.close()


def test_an_error_of_the_caller_ends_the_thread(serve):
    with pytest.raises(ZeroDivisionError), StreamSource([f"{serve(camera(None))}/cam"]) as source:
        assert [1 / (sample.origin.frame - sample.origin.frame) for [sample] in source]


def test_an_address_where_nothing_answers_is_named_and_the_others_are_closed(serve):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://me:secret@127.0.0.1:{unused.getsockname()[1]}/cam"
        with pytest.raises(SourceNotFoundError, match=r"http://me:\*\*\*@127") as raised:
            list(StreamSource([f"{serve(camera(None))}/cam", dead]))
    assert "secret" not in str(raised.value)


def test_a_webcam_that_is_not_there_is_named():
    with pytest.raises(SourceNotFoundError, match="webcam 97 cannot be opened"):
        list(StreamSource([97]))


def test_a_stream_without_frames_is_no_silent_success(serve):
    def answer(request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()

    with pytest.raises((SourceNotFoundError, UnreadableImageError), match="/cam"):
        list(StreamSource([f"{serve(answer)}/cam"]))


def test_a_list_of_streams_is_read(tmp_path):
    path = tmp_path / "cams.streams"
    path.write_text("\ufeffrtsp://a/1\n\n 0 \nhttp://b/cam\n", encoding="utf-8")
    assert read_stream_list(path) == ["rtsp://a/1", 0, "http://b/cam"]


@pytest.mark.parametrize(("text", "told"), [("", "the list is empty"), ("rtsp://a\ncamera one\n", "'camera one'")])
def test_a_list_without_usable_streams_is_refused(tmp_path, text, told):
    path = tmp_path / "cams.streams"
    path.write_text(text)
    with pytest.raises(SourceNotFoundError, match=told):
        read_stream_list(path)


@pytest.mark.parametrize("number", [-1, 100, 10**30])
def test_a_number_that_no_webcam_has_is_refused_before_opencv_sees_it(number):
    with pytest.raises(SourceNotFoundError, match=f"webcam {number}: there is no such number"):
        next(iter(StreamSource([number])))


def test_a_stream_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.streams").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceValueError, match="not UTF-8"):
        read_stream_list(tmp_path / "a.streams")
    (tmp_path / "b.streams").mkdir()
    with pytest.raises(UnreadableImageError, match="is a folder"):
        read_stream_list(tmp_path / "b.streams")


@pytest.mark.parametrize(
    ("text", "number", "region"),
    [
        ("screen", 0, None), ("screen 1", 1, None), ("screen 0 10 20 300 400", 0, (10, 20, 300, 400)),
        ("screen 10 20 300 400", 0, (10, 20, 300, 400)),
    ],
)  # fmt: skip
def test_forms_of_the_word(text, number, region):
    source = parse_screen(text)
    assert (source.number, source.region) == (number, region)
    assert (source.count, source.live, source.is_video) == (1, True, True)


@pytest.mark.parametrize("text", ["screen x", "screen 1 2", "screen -1", "screen 0 0 0 0 9", "screen 1 2 3 4 5 6"])
def test_other_forms_are_refused_with_the_right_ones(text):
    with pytest.raises(SourceValueError, match="screen NUMBER X Y WIDTH HEIGHT"):
        parse_screen(text)


def test_without_a_display_there_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(SourceNotFoundError, match="screen 0: no screenshot can be taken"):
        list(ScreenSource())


def test_without_its_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mss", None)
    with pytest.raises(MissingExtraError, match=r"posekit\[screen\]"):
        list(ScreenSource())
