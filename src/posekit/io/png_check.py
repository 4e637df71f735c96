"""Verify the checksums of a PNG file, which decoders leave out for speed."""

import zlib

from posekit.errors import UnreadableImageError

_SIGNATURE_BYTES = 8
_FRAME_BYTES = 12  # length, name and checksum around the content of a chunk


def check_png(data: bytes) -> None:
    """Refuse a PNG with a damaged chunk that matters to its pixels; whether chunks are missing is the decoder's part.

    Raises:
        UnreadableImageError: a checksum is wrong.
    """
    view = memoryview(data)
    position = _SIGNATURE_BYTES
    while position + _FRAME_BYTES <= len(view):
        size = int.from_bytes(view[position : position + 4], "big")
        name = bytes(view[position + 4 : position + 8])
        end = position + 8 + size
        # Bit 5 marks the chunks that a picture can do without.
        if not name[0] & 0x20 and end + 4 <= len(view):
            if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
                raise UnreadableImageError(f"the PNG data is damaged (checksum of its {name.decode('latin-1')} block)")
            if name == b"IEND":
                return
        position = end + 4
