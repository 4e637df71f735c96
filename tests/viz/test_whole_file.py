"""Files are there whole or not at all."""

import numpy as np
import pytest

from posekit.errors import OutputError
from posekit.viz.whole_file import jpeg_bytes, write_whole
from viz.pixels import decode


def test_an_earlier_file_is_replaced(tmp_path):
    for data in (b"longer than", b"this"):
        write_whole(tmp_path / "new" / "file", data)
    assert (tmp_path / "new" / "file").read_bytes() == b"this"
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(OutputError, match=str(tmp_path)):
        write_whole(tmp_path, b"")


def test_a_picture_survives_as_jpeg():
    picture = np.full((20, 30, 3), (10, 120, 240), np.uint8)
    assert np.abs(decode(jpeg_bytes(picture)).astype(int) - picture).max() < 6


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3)])
def test_a_picture_without_pixels_is_refused(shape):
    with pytest.raises(OutputError, match="does not fit into a JPEG"):
        jpeg_bytes(np.zeros(shape, np.uint8))
