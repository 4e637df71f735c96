"""Read which tags the first directory of a TIFF file has."""

import struct

from posekit.errors import UnreadableImageError

_ENTRY_BYTES = 12


def tiff_tags(data: bytes) -> frozenset[int]:
    """Return the tag numbers in the first directory of a (classic, not Big) TIFF.

    Raises:
        UnreadableImageError: the file ends before its directory does. Pillow would warn about each missing tag.
    """
    order = "<" if data[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, offset)
        entries = range(offset + 2, offset + 2 + _ENTRY_BYTES * count, _ENTRY_BYTES)
        tags = frozenset(struct.unpack_from(f"{order}H10x", data, entry)[0] for entry in entries)
    except struct.error as error:
        raise UnreadableImageError("the TIFF data is cut short (its directory is incomplete)") from error
    return tags
