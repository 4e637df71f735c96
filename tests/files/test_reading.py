"""Files are read, or one line says why not."""

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
from posekit.files.reading import MAX_BYTES, read_bytes, read_json, read_text


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
