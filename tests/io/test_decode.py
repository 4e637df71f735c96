import io
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from posekit.errors import MissingExtraError, SourceNotFoundError, UnreadableImageError
from posekit.io.decode import MAX_PIXELS, read_image

DATA = Path(__file__).parents[1] / "data" / "io"
DNG_VERSION = 50706


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_common_formats_read_as_opencv_reads_them(tmp_path, picture, suffix):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), picture)
    assert np.array_equal(read_image(path), cv2.imread(str(path), cv2.IMREAD_COLOR))


def test_a_path_with_any_letters_can_be_read(tmp_path, picture):
    path = tmp_path / "Übung 写真 🙂.png"
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    assert np.array_equal(read_image(path), picture)


def test_the_result_is_contiguous_and_may_be_drawn_on(tmp_path, picture):
    for name in ("a.jpg", "a.png"):
        cv2.imwrite(str(tmp_path / name), picture)
        image = read_image(tmp_path / name)
        assert image.flags.c_contiguous
        image[0, 0] = 7


def test_heic_is_read():
    image = read_image(DATA / "quarters.heic")
    assert image.shape == (64, 64, 3)
    corners = image[[10, 10, 50, 50], [10, 50, 10, 50]].astype(int)
    assert np.abs(corners - [(20, 20, 250), (20, 250, 20), (250, 20, 20), (20, 240, 240)]).max() < 6


def test_heic_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(MissingExtraError, match=r"posekit\[heic\]"):
        read_image(DATA / "quarters.heic")


def test_dng_without_its_package_names_the_extra_and_never_gives_the_thumbnail(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = tmp_path / "a.dng"
    Image.new("RGB", (16, 12)).save(path, "TIFF", tiffinfo={DNG_VERSION: bytes([1, 4, 0, 0])})
    with pytest.raises(MissingExtraError, match=r"a\.dng: DNG .*posekit\[raw\]"):
        read_image(path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"gone\.jpg: no such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(UnreadableImageError, match="is a folder, not a file"):
        read_image(tmp_path)


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I4s", 100, b"IDAT")
    )


def jpeg_declaring(picture, width: int, height: int) -> bytes:
    data = bytearray(cv2.imencode(".jpg", picture)[1].tobytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def test_a_decompression_bomb_is_refused_before_memory_is_taken(tmp_path, picture):
    side = int(MAX_PIXELS**0.5) + 1
    for name, data in (("a.png", png_header(side, side)), ("a.jpg", jpeg_declaring(picture, side, side))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnreadableImageError, match=f"{MAX_PIXELS:,}"):
            read_image(tmp_path / name)


def test_a_damaged_jpeg_is_silent_but_for_its_error(tmp_path, picture, capfd):
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableImageError, match=r"a\.jpg: the JPEG data is cut short"):
        read_image(tmp_path / "a.jpg")
    assert capfd.readouterr() == ("", "")


def test_the_error_of_a_mislabelled_file_tells_what_it_is(tmp_path):
    path = tmp_path / "report.jpg"
    path.write_bytes(b"%PDF-1.4\n%\xe2\xe3")
    with pytest.raises(UnreadableImageError, match=r"report\.jpg: is a PDF document, not a picture"):
        read_image(path)


def test_of_16_bits_the_high_byte_is_kept(tmp_path):
    deep = np.arange(12 * 256, dtype=np.uint16).reshape(48, 64) * 21
    for name in ("a.png", "a.tiff"):
        cv2.imwrite(str(tmp_path / name), deep)
        assert np.array_equal(read_image(tmp_path / name), np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, 2))


def test_pixels_without_a_fixed_range_are_refused(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.ones((4, 4), np.float32)).save(buffer, "TIFF")
    (tmp_path / "a.tif").write_bytes(buffer.getvalue())
    with pytest.raises(UnreadableImageError, match="32-bit float"):
        read_image(tmp_path / "a.tif")
