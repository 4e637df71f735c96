import os
import socket

import cv2
import numpy as np
import pytest

from posekit.errors import DownloadError
from posekit.files.download import download_media, is_live_url, is_media_url, is_url, mask_credentials, serves_picture
from posekit.io.live import StreamSource
from posekit.io.open_source import open_source

LAST_MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"


def answering(body: bytes, status: int = 200, **headers: str):
    """Answer with these bytes, or with 304 to whoever asks whether they have changed since LAST_MODIFIED."""
    seen: list[str | None] = []

    def answer(request) -> None:
        seen.append(request.headers.get("If-Modified-Since"))
        if seen[-1] == headers.get("Last_Modified", "unknown"):
            request.send_response(304)
            request.end_headers()
            return
        request.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer, seen


@pytest.mark.parametrize(
    ("text", "url", "live", "media"),
    [
        ("https://a.b/bus.jpg", True, False, True), ("HTTP://a.b/c/v.mp4?x=1#y", True, False, True),
        ("http://a.b/cam", True, False, False), ("http://a.b", True, False, False),
        ("rtsp://a/1.mp4", True, True, False),
        ("rtmp://a", True, True, False), ("tcp://a:1", True, True, False), ("file:///etc/passwd", False, False, False),
        ("ftp://a/b.jpg", False, False, False), ("C:/a.jpg", False, False, False), ("a.jpg", False, False, False),
    ],
)  # fmt: skip
def test_kinds_of_urls(text, url, live, media):
    assert (is_url(text), is_live_url(text), is_media_url(text)) == (url, live, media)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("rtsp://user:secret@cam:554/x", "rtsp://user:***@cam:554/x"), ("rtsp://cam/x@y", "rtsp://cam/x@y"),
        ("rtsp://u:p@ss@cam/", "rtsp://u:***@cam/"),
    ],
)  # fmt: skip
def test_passwords_are_masked(url, masked):
    assert mask_credentials(url) == masked


def test_a_picture_is_downloaded_under_its_own_name(tmp_path, serve, picture):
    body = cv2.imencode(".png", picture)[1].tobytes()
    base = serve(answering(body)[0])
    with open_source(f"{base}/a/b%C3%BCs.png?size=big", download_dir=tmp_path / "cache") as source:
        [[sample]] = source
    assert sample.path.startswith(str(tmp_path / "cache"))
    assert sample.path.endswith("/büs.png")
    assert np.array_equal(sample.image, picture)
    assert sample.origin.kind == "image"


def test_a_video_is_downloaded(tmp_path, serve, write_video):
    base = serve(answering(write_video(tmp_path / "a.avi").read_bytes())[0])
    with open_source(f"{base}/clip.avi", batch=8, download_dir=tmp_path) as source:
        assert source.is_video
        assert [len(batch) for batch in source] == [8, 8, 4]


def test_a_url_without_suffix_is_a_picture_if_the_server_says_so(tmp_path, serve, picture):
    picture_url = serve(answering(cv2.imencode(".jpg", picture)[1].tobytes(), Content_Type="image/jpeg")[0])
    other_url = serve(answering(b"", Content_Type="multipart/x-mixed-replace; boundary=x")[0])
    assert serves_picture(f"{picture_url}/snapshot")
    [[sample]] = open_source(f"{picture_url}/snapshot", download_dir=tmp_path)
    assert sample.image.shape == picture.shape
    assert isinstance(open_source(f"{other_url}/cam", download_dir=tmp_path), StreamSource)


def test_what_has_not_changed_is_not_sent_again(tmp_path, serve):
    answer, seen = answering(b"picture", Last_Modified=LAST_MODIFIED)
    url = f"{serve(answer)}/a.jpg"
    first = download_media(url, tmp_path)
    assert download_media(url, tmp_path) == first
    assert first.read_bytes() == b"picture"
    assert seen == [None, LAST_MODIFIED]


def test_what_may_have_changed_is_sent_again(tmp_path, serve):
    bodies = [b"one", b"two"]
    url = f"{serve(lambda request: answering(bodies.pop(0))[0](request))}/a.jpg"
    assert download_media(url, tmp_path).read_bytes() == b"one"
    assert download_media(url, tmp_path).read_bytes() == b"two"


def test_equal_names_of_different_urls_do_not_meet(tmp_path, serve):
    base = serve(lambda request: answering(request.path.encode())[0](request))
    one, two = download_media(f"{base}/1/a.jpg", tmp_path), download_media(f"{base}/2/a.jpg", tmp_path)
    assert (one.name, two.name) == ("a.jpg", "a.jpg")
    assert (one.read_bytes(), two.read_bytes()) == (b"/1/a.jpg", b"/2/a.jpg")


def test_no_name_leaves_the_cache_folder(tmp_path, serve):
    base = serve(answering(b"x")[0])
    for name in ("..%2F..%2Fevil.jpg", "%2e%2e/evil.jpg", "a%00b.jpg", ".."):
        path = download_media(f"{base}/{name}", tmp_path / "cache")
        assert path.resolve().is_relative_to((tmp_path / "cache").resolve())


def test_a_server_error_and_no_server_are_one_clear_line(tmp_path, serve):
    with pytest.raises(DownloadError, match=r"/gone\.jpg: the server answered 404"):
        download_media(f"{serve(answering(b'', 404)[0])}/gone.jpg", tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DownloadError, match="cannot be reached"):
            download_media(f"http://127.0.0.1:{unused.getsockname()[1]}/a.jpg", tmp_path)
    with pytest.raises(DownloadError, match="http://"):
        download_media("http://[bad/a.jpg", tmp_path)


def test_a_download_that_breaks_off_leaves_no_file(tmp_path, serve):
    with pytest.raises(DownloadError, match=r"broke after 4 of 9 bytes"):
        download_media(f"{serve(answering(b'half', Content_Length='9')[0])}/a.jpg", tmp_path)
    assert not [name for _, _, names in os.walk(tmp_path) for name in names]


def test_a_pasted_url_may_hold_spaces_and_letters_of_any_language(tmp_path, serve):
    paths = []

    def answer(request) -> None:
        paths.append(request.path)
        answering(b"x")[0](request)

    download_media(f"{serve(answer)}/a b/日本%20語.jpg?q=ä&r=1", tmp_path)
    assert paths == ["/a%20b/%E6%97%A5%E6%9C%AC%20%E8%AA%9E.jpg?q=%C3%A4&r=1"]
