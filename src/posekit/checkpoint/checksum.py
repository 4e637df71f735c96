"""Checksums of downloaded files, and the record of them that lies beside each file."""

import hashlib
from pathlib import Path

from posekit.errors import DownloadError

_CHUNK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return _sum_of(path, "sha256")


def md5_of(path: Path) -> str:
    """Return the MD5 of a file in hexadecimal: it tells damage, not malice."""
    return _sum_of(path, "md5")


def record_path(path: Path) -> Path:
    """Return where the recorded sum of `path` lies: the same name with ``.sha256`` behind it."""
    return path.with_name(f"{path.name}.sha256")


def write_record(path: Path, sha256: str, *, source: str, verified: bool) -> None:
    """Record the sum of a downloaded file, in the form that ``sha256sum -c`` reads.

    Args:
        path: the file.
        sha256: its sum.
        source: the URL it came from.
        verified: whether the sum was compared with a published one.
    """
    state = "verified against the catalogue" if verified else "recorded at the first download, unverified"
    record_path(path).write_text(f"# {source}: {state}\n{sha256}  {path.name}\n", encoding="utf-8")


def check_record(path: Path) -> None:
    """Compare a file with its recorded sum; without a record there is nothing to check.

    Raises:
        DownloadError: if the file has changed since it was downloaded, or the record is unreadable.
    """
    record = record_path(path)
    if not record.is_file():
        return
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    recorded = next((line.split()[0] for line in lines if line.strip() and not line.startswith("#")), "")
    if sha256_of(path) != recorded:
        raise DownloadError(
            f"{path} is not the file that was downloaded: its sum differs from {record.name}. "
            "Delete both to download again, or only the .sha256 file if you replaced the weights yourself"
        )


def _sum_of(path: Path, kind: str) -> str:
    digest = hashlib.new(kind, usedforsecurity=kind != "md5")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
