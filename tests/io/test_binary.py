import os

import pytest

from posekit.errors import SourceNotFoundError, SourceValueError, UnreadableImageError
from posekit.files.reading import MAX_BYTES, read_bytes, read_text


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
