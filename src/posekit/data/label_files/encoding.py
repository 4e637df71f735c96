"""Whether the bytes of a label file are UTF-8 text."""

from posekit.data.label_files.fault import Fault
from posekit.data.label_files.row_text import RowText

BOM = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def encoding_faults(data: bytes, text: RowText) -> list[Fault]:
    """Return the first place where a label file is not UTF-8 text, if there is one.

    Args:
        data: content of the file.
        text: its rows.
    """
    if data.isascii():
        return []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        kind = "looks like UTF-16" if data.startswith(_UTF16_MARKS) else "is not UTF-8"
        message = (
            f"the file {kind} (byte 0x{data[error.start]:02x} at byte position {error.start}); save it as UTF-8 text"
        )
        lines_before = (data[: error.start].removeprefix(BOM) + b"x").splitlines()
        return [Fault(text.numbers.index(len(lines_before)), len(lines_before[-1].split()) - 1, "not_utf8", message)]
    return []
