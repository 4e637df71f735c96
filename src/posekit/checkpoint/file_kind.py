"""Says what a file is that was handed in as a checkpoint but is none."""

HEAD_BYTES = 512
"""How many bytes of a file `wrong_kind` wants to see."""

_WEB_PAGE = "a web page, probably an error page saved by a download: delete it and download again"

# What the first bytes say, and what the user can do about it. Order matters: the general ones come last.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights: run 'git lfs pull' where it came from"),
    (b"<!doctype", _WEB_PAGE),
    (b"<html", _WEB_PAGE),
    (b"<?xml", "an XML file (an OpenVINO network or an error message of a server)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9", "in the pre-ZIP format of torch: save it again with torch 1.6 or newer"),
    (b"\x80", "a bare pickle, which can run code, without the ZIP archive of torch: save it with torch.save"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x89HDF", "an HDF5 file (Keras weights)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"ftrt", "a TensorRT engine"),
    (b"\x08", "probably an ONNX or TensorFlow network: exported networks are run, not loaded as weights"),
)  # fmt: skip


def wrong_kind(head: bytes) -> str | None:
    """Describe a file that is not a ZIP archive by its first bytes.

    Args:
        head: the first `HEAD_BYTES` bytes, fewer when the file is shorter.

    Returns:
        A description with advice that completes "this is ...", or None when the bytes say nothing.
    """
    if not head:
        return "an empty file"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite network: exported networks are run, not loaded as weights"
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    if head[8:9] == b"{":
        return "a safetensors file under another name: rename it to end in .safetensors"
    text = head.lstrip().lower()
    for start, description in _STARTS:
        if head.startswith(start) or text.startswith(start):
            return description
    return None
