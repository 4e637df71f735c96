import contextlib
import io

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from posekit.errors import UnreadableImageError
from posekit.io.decode import check_png

WHOLE = cv2.imencode(".png", cv2.merge([cv2.getGaussianKernel(40, 9) @ cv2.getGaussianKernel(30, 5).T * 2e4] * 3))[
    1
].tobytes()


def test_a_whole_file_passes_and_so_does_what_follows_it():
    check_png(WHOLE)
    check_png(WHOLE + b"\0\0\0\1IDATx garbage")


@given(st.integers(WHOLE.index(b"IDAT"), len(WHOLE) - 13), st.integers(0, 7))
def test_any_flipped_bit_of_the_pixel_data_is_found(position, bit):
    damaged = bytearray(WHOLE)
    damaged[position] ^= 1 << bit
    if not damaged[WHOLE.index(b"IDAT")] & 0x20:  # else the flip made it a block that is ignored
        with pytest.raises(UnreadableImageError, match="PNG data is damaged"):
            check_png(bytes(damaged))


def test_a_damaged_comment_does_no_harm():
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "abcdef")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
    check_png(buffer.getvalue().replace(b"abcdef", b"abcdeg"))


@given(st.binary(max_size=200))
def test_no_cut_or_senseless_file_raises_anything_else(tail):
    with contextlib.suppress(UnreadableImageError):
        check_png(WHOLE[:40] + tail)
