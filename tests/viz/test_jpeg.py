"""Pictures become JPEG files."""

import numpy as np
import pytest

from posekit.errors import OutputError
from posekit.files.pictures import encode_picture
from viz.pixels import decode


def test_a_picture_survives_as_jpeg():
    picture = np.full((20, 30, 3), (10, 120, 240), np.uint8)
    assert np.abs(decode(encode_picture(picture)).astype(int) - picture).max() < 6


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3)])
def test_a_picture_without_pixels_is_refused(shape):
    with pytest.raises(OutputError, match="does not fit into a JPEG"):
        encode_picture(np.zeros(shape, np.uint8))
