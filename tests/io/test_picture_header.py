import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posekit.errors import MissingExtraError, SourceNotFoundError, UnreadableImageError
from posekit.io.decode import picture_size, read_image

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


def test_heic_is_read():
    assert picture_size(str(HEIC)) == (64, 64)


def test_heic_without_its_package_names_the_extra(monkeypatch):
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
