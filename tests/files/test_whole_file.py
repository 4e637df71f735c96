"""Files are there whole or not at all."""

import pytest

from posekit.errors import OutputError
from posekit.files.writing import write_whole


def test_an_earlier_file_is_replaced(tmp_path):
    for data in (b"longer than", b"this"):
        write_whole(tmp_path / "new" / "file", data)
    assert (tmp_path / "new" / "file").read_bytes() == b"this"
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(OutputError, match=str(tmp_path)):
        write_whole(tmp_path, b"")
