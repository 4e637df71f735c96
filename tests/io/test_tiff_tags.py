import io

import numpy as np
import pytest
from PIL import Image

from posekit.errors import UnreadableImageError
from posekit.io.decode import tiff_tags

WIDTH, HEIGHT, MAKE = 256, 257, 271


def encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", tiffinfo={MAKE: "camera"})
    return buffer.getvalue()


def test_tags_are_read_in_both_byte_orders():
    big_endian = Image.frombytes("I;16B", (4, 2), np.arange(8, dtype=">u2").tobytes())
    for image, order in ((Image.new("RGB", (4, 2)), b"II"), (big_endian, b"MM")):
        data = encode(image)
        assert data[:2] == order
        assert {WIDTH, HEIGHT, MAKE} < tiff_tags(data)


def test_a_file_that_ends_before_its_directory_does_is_cut_short():
    data = encode(Image.new("RGB", (4, 2)))
    end = 8 + 2 + 12 * len(tiff_tags(data))
    assert tiff_tags(data[:end]) == tiff_tags(data)
    for size in range(end):
        with pytest.raises(UnreadableImageError, match="directory is incomplete"):
            tiff_tags(data[:size])
