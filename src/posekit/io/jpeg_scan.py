"""Read the markers of a JPEG stream: its size, its colour channels, and whether it is whole."""

import re
from dataclasses import dataclass

# A marker is 0xFF and a code; 0x00 (stuffing), 0xFF (fill) and 0xD0-0xD7 (restarts) belong to the pixel data.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_START, _END, _STANDALONE = 0xD8, 0xD9, 0x01
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class JpegScan:
    """What the markers of a JPEG stream say.

    Attributes:
        height: rows declared; 0 when no frame header was found.
        width: columns declared; 0 when no frame header was found.
        channels: 1 gray, 3 colour, 4 CMYK; 0 when no frame header was found.
        bits: bits per channel.
        complete: whether the end marker was reached. What follows it does not matter.
    """

    height: int = 0
    width: int = 0
    channels: int = 0
    bits: int = 0
    complete: bool = False


def scan_jpeg(data: bytes) -> JpegScan:
    """Walk the markers of the first picture in `data` without decoding it."""
    height = width = channels = bits = 0
    position = 2
    while found := _MARKER.search(data, position):
        code, position = found[1][0], found.end()
        if code == _END:
            return JpegScan(height, width, channels, bits, complete=channels > 0)
        if code in (_START, _STANDALONE):
            continue
        if code in _FRAME_MARKERS and len(data) >= position + 8:
            bits, channels = data[position + 2], data[position + 7]
            height = int.from_bytes(data[position + 3 : position + 5], "big")
            width = int.from_bytes(data[position + 5 : position + 7], "big")
        position += max(int.from_bytes(data[position : position + 2], "big"), 2)
    return JpegScan(height, width, channels, bits)
