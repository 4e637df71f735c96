"""JSON of others is read in every encoding; damage is told with its place."""

import codecs
import json

import pytest

from posekit.errors import DatasetError, DatasetNotFoundError
from posekit.files.reading import load_json


def test_damage_is_told_with_line_and_column(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"images": [],\n "annotations": [}', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"x\.json:2:18: is no valid JSON"):
        load_json(path)


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
        load_json(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_of_json_is_read(encoding, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(codecs.encode(json.dumps({"a": ["\u00e4", 1]}, ensure_ascii=False), encoding))
    assert load_json(path) == {"a": ["\u00e4", 1]}


def test_missing_files_and_folders_are_told(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no such annotation file"):
        load_json(tmp_path / "x.json")
    with pytest.raises(DatasetError, match="is a folder"):
        load_json(tmp_path)
