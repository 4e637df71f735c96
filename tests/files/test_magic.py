"""What a file is, by its first bytes and by its suffix."""

import pytest

from posekit.files.magic import HEAD_BYTES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, identify, list_formats, media_kind


def ftyp(*brands: bytes) -> bytes:
    box = b"ftyp" + brands[0] + b"\0\0\0\0" + b"".join(brands[1:])
    return (len(box) + 4).to_bytes(4, "big") + box


@pytest.mark.parametrize(
    ("head", "kind", "name"),
    [
        (b"\xff\xd8\xff\xe0", "image", "a JPEG picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image", "a WebP picture"),
        (b"RIFF\0\0\0\0AVI LIST", "video", "an AVI video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "other", "a WAV sound file"),
        (ftyp(b"avif", b"mif1", b"miaf"), "image", "an AVIF picture"),
        (ftyp(b"mif1", b"avif"), "image", "an AVIF picture"),
        (ftyp(b"mif1", b"heic"), "image", "a HEIC picture"),
        (ftyp(b"isom", b"mp41"), "video", "an MP4 or QuickTime video"),
        (b"%PDF-1.7", "other", "a PDF document"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "other", "a web page"),
        (b"  <!DOCTYPE html><p>", "other", "a web page"),
        (b'<?xml version="1.0"?><svg>', "other", "an SVG drawing"),
        (b"Grusse aus G\xc3\xb6teborg", "other", "a text file"),
        ((b"x" * (HEAD_BYTES - 1) + "ö".encode())[:HEAD_BYTES], "other", "a text file"),
        ((b"\x47" + bytes(187)) * 3, "video", "an MPEG transport stream"),
        ((bytes(4) + b"\x47" + bytes(187)) * 3, "video", "an MPEG transport stream"),
        (b"\0\0\0\x08free\0\0\0\x14mdat", "video", "a QuickTime video"),
    ],
)
def test_content_is_told_by_its_first_bytes(head, kind, name):
    content = identify(head)
    assert content is not None
    assert (content.kind, content.name) == (kind, name)


@pytest.mark.parametrize("head", [b"", bytes(100), b"\x01\x02\x03\xfe", b"\xff" * 40])
def test_bytes_that_say_nothing_are_not_guessed_at(head):
    assert identify(head) is None


def test_format_is_the_name_alone():
    content = identify(ftyp(b"avif"))
    assert content is not None
    assert content.format == "AVIF"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image"), ("A.JPEG", "image"), ("x/y.b.WebP", "image"), ("a.heic", "image"), ("a.dng", "image"),
        ("a.gif", "video"), ("a.MP4", "video"), ("a.ts", "video"), ("a.txt", None), ("jpg", None), ("", None),
    ],
)  # fmt: skip
def test_the_suffix_tells_the_kind_in_any_case(name, kind):
    assert media_kind(name) == kind


def test_every_promised_format_is_known_and_listed():
    images = ["avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"]
    videos = ["asf", "avi", "gif", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "wmv", "webm"]
    assert {f".{name}" for name in images} == IMAGE_SUFFIXES
    assert {f".{name}" for name in videos} == VIDEO_SUFFIXES
    assert all(name in list_formats() for name in images + videos)
