"""Files are read, or one line says why not; what they are is told by their first bytes."""

import codecs
import json
import os

import pytest

from posekit.errors import (
    DatasetError,
    DatasetNotFoundError,
    SourceNotFoundError,
    SourceValueError,
    UnreadableImageError,
)
from posekit.files.magic import HEAD_BYTES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, identify, list_formats, media_kind
from posekit.files.reading import MAX_BYTES, read_bytes, read_json, read_text
from posekit.files.values import quote


def test_all_bytes_or_the_first_ones_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"abcdef")
    assert read_bytes(tmp_path / "file") == b"abcdef"
    assert read_bytes(tmp_path / "file", 2) == b"ab"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"gone: no such file"):
        read_bytes(tmp_path / "gone")


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnreadableImageError, match=r"pipe\.jpg: is a pipe or a device"):
        read_bytes(tmp_path / "pipe.jpg")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(UnreadableImageError, match="is a folder"):
        read_bytes(tmp_path)


def test_a_file_that_is_too_large_to_be_a_picture_is_not_read(tmp_path):
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room on the disk
    assert len(read_bytes(tmp_path / "huge.jpg", 10)) == 10
    with pytest.raises(UnreadableImageError, match="more than the 2,147,483,648 allowed"):
        read_bytes(tmp_path / "huge.jpg")


def test_text_loses_its_byte_order_mark(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa\r\n")
    assert read_text(tmp_path / "list.txt") == "a\r\n"


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"a\xff")
    with pytest.raises(SourceValueError, match=r"not UTF-8 text .* at byte 1"):
        read_text(tmp_path / "list.txt")


def test_damage_is_told_with_line_and_column(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"images": [],\n "annotations": [}', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"x\.json:2:18: is no valid JSON"):
        read_json(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no valid JSON"),
        (b'{"a": "\xff\xfe\xfd"}', "is no text"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number that is too long"),
        (b"\x89PNG\r\n\x1a\n", "is no text"),
    ],
)
def test_bytes_that_are_no_json_are_refused(data, reason, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=reason):
        read_json(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_of_json_is_read(encoding, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(codecs.encode(json.dumps({"a": ["\u00e4", 1]}, ensure_ascii=False), encoding))
    assert read_json(path) == {"a": ["\u00e4", 1]}


def test_missing_files_and_folders_are_told(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no such annotation file"):
        read_json(tmp_path / "x.json")
    with pytest.raises(DatasetError, match="is a folder"):
        read_json(tmp_path)


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


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("x" * 99, f"'{'x' * 39}..."), (10**400, "a huge whole number"), ([1, 2.5], "[1, 2.5]"), (["a"], "a list of 1"),
        ([0] * 7, "a list of 7"), ([10**400], "a list of 1"), ({"a": 1}, "a dictionary of 1"), (None, "None"),
    ],
)  # fmt: skip
def test_foreign_values_are_quoted_in_short(value, quoted):
    assert quote(value) == quoted
