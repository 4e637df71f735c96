import cv2
import pytest

from posekit.io.decode import scan_jpeg


def encode(picture, **settings) -> bytes:
    flags = [value for name, number in settings.items() for value in (getattr(cv2, f"IMWRITE_JPEG_{name}"), number)]
    return cv2.imencode(".jpg", picture, flags)[1].tobytes()


@pytest.mark.parametrize("settings", [{}, {"PROGRESSIVE": 1}, {"RST_INTERVAL": 2}, {"QUALITY": 100}])
def test_a_whole_file_is_complete_and_tells_its_size(picture, settings):
    scan = scan_jpeg(encode(picture, **settings))
    assert (scan.height, scan.width, scan.channels, scan.bits, scan.complete) == (48, 64, 3, 8, True)


def test_gray_has_one_channel(picture):
    assert scan_jpeg(encode(picture[..., 0])).channels == 1


@pytest.mark.parametrize("settings", [{}, {"PROGRESSIVE": 1}, {"RST_INTERVAL": 2}])
def test_no_shorter_file_is_complete(picture, settings):
    data = encode(picture, **settings)
    assert not any(scan_jpeg(data[:size]).complete for size in range(len(data)))


def test_what_follows_the_end_does_not_matter(picture):
    assert scan_jpeg(encode(picture) + b"\xff\xc0garbage").complete


def test_the_end_of_an_embedded_thumbnail_is_not_the_end(picture):
    thumbnail = encode(picture[:16, :16])
    block = b"\xff\xe2" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = encode(picture)
    assert scan_jpeg(data[:2] + block + data[2:]).complete
    assert not scan_jpeg(data[:2] + block + data[2:-2]).complete


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8" + b"\xff" * 1000])
def test_a_file_without_frame_header_is_not_complete(data):
    assert not scan_jpeg(data).complete
