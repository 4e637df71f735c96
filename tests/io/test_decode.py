"""Picture files give the right pixels, and the size that decoding would give, or one clear error."""

import contextlib
import io
import os
import shutil
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from posekit.errors import MissingExtraError, SourceNotFoundError, UnreadableImageError
from posekit.io.decode import MAX_PIXELS, check_png, picture_size, read_image, scan_jpeg, tiff_tags

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


def jpeg_bytes(picture, **settings) -> bytes:
    flags = [value for name, number in settings.items() for value in (getattr(cv2, f"IMWRITE_JPEG_{name}"), number)]
    return cv2.imencode(".jpg", picture, flags)[1].tobytes()


@pytest.mark.parametrize("settings", [{}, {"PROGRESSIVE": 1}, {"RST_INTERVAL": 2}, {"QUALITY": 100}])
def test_a_whole_file_is_complete_and_tells_its_size(picture, settings):
    scan = scan_jpeg(jpeg_bytes(picture, **settings))
    assert (scan.height, scan.width, scan.channels, scan.bits, scan.complete) == (48, 64, 3, 8, True)


def test_gray_has_one_channel(picture):
    assert scan_jpeg(jpeg_bytes(picture[..., 0])).channels == 1


@pytest.mark.parametrize("settings", [{}, {"PROGRESSIVE": 1}, {"RST_INTERVAL": 2}])
def test_no_shorter_file_is_complete(picture, settings):
    data = jpeg_bytes(picture, **settings)
    assert not any(scan_jpeg(data[:size]).complete for size in range(len(data)))


def test_what_follows_the_end_does_not_matter(picture):
    assert scan_jpeg(jpeg_bytes(picture) + b"\xff\xc0garbage").complete


def test_the_end_of_an_embedded_thumbnail_is_not_the_end(picture):
    thumbnail = jpeg_bytes(picture[:16, :16])
    block = b"\xff\xe2" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = jpeg_bytes(picture)
    assert scan_jpeg(data[:2] + block + data[2:]).complete
    assert not scan_jpeg(data[:2] + block + data[2:-2]).complete


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8" + b"\xff" * 1000])
def test_a_file_without_frame_header_is_not_complete(data):
    assert not scan_jpeg(data).complete


WHOLE = cv2.imencode(".png", cv2.merge([cv2.getGaussianKernel(40, 9) @ cv2.getGaussianKernel(30, 5).T * 2e4] * 3))[
    1
].tobytes()


def test_a_whole_file_passes_and_so_does_what_follows_it():
    check_png(WHOLE)
    check_png(WHOLE + b"\0\0\0\1IDATx garbage")


@given(st.integers(WHOLE.index(b"IDAT"), len(WHOLE) - 13), st.integers(0, 7))
def test_any_flipped_bit_of_the_pixel_data_is_found(position, bit):
    damaged = bytearray(WHOLE)
    damaged[position] ^= 1 << bit
    if not damaged[WHOLE.index(b"IDAT")] & 0x20:  # else the flip made it a block that is ignored
        with pytest.raises(UnreadableImageError, match="PNG data is damaged"):
            check_png(bytes(damaged))


def test_a_damaged_comment_does_no_harm():
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "abcdef")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
    check_png(buffer.getvalue().replace(b"abcdef", b"abcdeg"))


@given(st.binary(max_size=200))
def test_no_cut_or_senseless_file_raises_anything_else(tail):
    with contextlib.suppress(UnreadableImageError):
        check_png(WHOLE[:40] + tail)


WIDTH, HEIGHT, MAKE = 256, 257, 271


def tiff_bytes(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", tiffinfo={MAKE: "camera"})
    return buffer.getvalue()


def test_tags_are_read_in_both_byte_orders():
    big_endian = Image.frombytes("I;16B", (4, 2), np.arange(8, dtype=">u2").tobytes())
    for image, order in ((Image.new("RGB", (4, 2)), b"II"), (big_endian, b"MM")):
        data = tiff_bytes(image)
        assert data[:2] == order
        assert {WIDTH, HEIGHT, MAKE} < tiff_tags(data)


def test_a_file_that_ends_before_its_directory_does_is_cut_short():
    data = tiff_bytes(Image.new("RGB", (4, 2)))
    end = 8 + 2 + 12 * len(tiff_tags(data))
    assert tiff_tags(data[:end]) == tiff_tags(data)
    for size in range(end):
        with pytest.raises(UnreadableImageError, match="directory is incomplete"):
            tiff_tags(data[:size])


HEIC = Path(__file__).parents[1] / "data" / "io" / "quarters.heic"
FORMATS = [".jpg", ".png", ".webp", ".tiff", ".bmp", ".jp2", ".avif"]


def save(path, size=(40, 30), mode="RGB", **options):
    """Save a noisy picture of (width, height)."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(path, **options)
    return str(path)


def exif(orientation):
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_size_is_height_and_width(tmp_path, suffix):
    assert picture_size(save(tmp_path / f"a{suffix}")) == (30, 40)


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_the_size_is_the_one_of_the_decoded_picture_however_it_is_turned(tmp_path, suffix, orientation):
    path = save(tmp_path / f"a{suffix}", exif=exif(orientation))
    size = picture_size(path)
    assert size == read_image(Path(path)).shape[:2]
    assert size == ((40, 30) if orientation >= 5 else (30, 40))


def test_an_orientation_behind_the_pixels_of_a_png_counts(tmp_path):
    path = Path(save(tmp_path / "a.png", exif=exif(6)))
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    block = data[start : start + 12 + int.from_bytes(data[start : start + 4], "big")]
    path.write_bytes(data.replace(block, b"").replace(b"\0\0\0\0IEND", block + b"\0\0\0\0IEND"))
    assert picture_size(str(path)) == (40, 30) == read_image(path).shape[:2]


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_jpeg_channels_do_not_matter(tmp_path, mode):
    assert picture_size(save(tmp_path / "a.jpg", mode=mode)) == (30, 40)


def test_a_long_header_is_read_to_its_end(tmp_path):
    assert picture_size(save(tmp_path / "a.jpg", icc_profile=bytes(100_000))) == (30, 40)


def test_a_jpeg_with_something_behind_its_end_is_whole(tmp_path):
    path = save(tmp_path / "a.jpg")
    with Path(path).open("ab") as file:
        file.write(b"padding" * 100)
    assert picture_size(path) == (30, 40)


def test_the_size_of_heic_is_read():
    assert picture_size(str(HEIC)) == (64, 64)


def test_the_size_of_heic_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(MissingExtraError, match=r"posekit\[heic\]"):
        picture_size(str(HEIC))


def test_a_dng_is_never_taken_for_its_thumbnail(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = tmp_path / "a.dng"
    Image.new("RGB", (40, 30)).save(path, "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    with pytest.raises(MissingExtraError, match=r"posekit\[raw\]"):
        picture_size(str(path))


@pytest.mark.parametrize(("size", "told"), [((9, 30), "9x30"), ((30, 9), "30x9")])
def test_both_sides_need_ten_pixels(tmp_path, size, told):
    with pytest.raises(UnreadableImageError, match=f"{told} pixels .* at least 10"):
        picture_size(save(tmp_path / "a.png", size))
    assert picture_size(save(tmp_path / "b.png", (10, 10))) == (10, 10)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kept", [0, 1, 10, 20])
def test_a_file_without_its_header_is_refused(tmp_path, suffix, kept):
    path = Path(save(tmp_path / f"a{suffix}"))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableImageError, match=f"a{suffix}: "):
        picture_size(str(path))


def test_a_jpeg_that_was_cut_short_is_refused(tmp_path):
    path = Path(save(tmp_path / "a.jpg"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableImageError, match="cut short"):
        picture_size(str(path))


def test_what_is_no_picture_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("<html>not found</html>")
    with pytest.raises(UnreadableImageError, match="a web page"):
        picture_size(str(path))
    with pytest.raises(SourceNotFoundError, match=r"b\.jpg: no such file"):
        picture_size(str(tmp_path / "b.jpg"))
    with pytest.raises(UnreadableImageError, match="is a folder"):
        picture_size(str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(UnreadableImageError, match="a pipe"):
        picture_size(str(tmp_path / "a.jpg"))


def test_reading_the_size_leaves_the_file_as_it_was(tmp_path):
    path = Path(save(tmp_path / "a.jpg", exif=exif(6)))
    copy = shutil.copy2(path, tmp_path / "copy")
    before = path.stat().st_mtime_ns
    picture_size(str(path))
    assert path.read_bytes() == Path(copy).read_bytes()
    assert path.stat().st_mtime_ns == before
