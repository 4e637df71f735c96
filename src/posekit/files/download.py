"""Files from web servers: fetched so that they appear complete and checked, or not at all."""

import email.utils
import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from posekit.errors import DownloadError
from posekit.files.magic import media_kind
from posekit.files.writing import safe_name
from posekit.log import progress_bar

if TYPE_CHECKING:
    from requests import Response

# How long a server may stay silent.
TIMEOUT_SECONDS = 30.0
_AT_ONCE = 1 << 18
_WEB = ("http://", "https://")
_LIVE = ("rtsp://", "rtsps://", "rtmp://", "tcp://")
_PASSWORD = re.compile(r"^(\w+://[^/:@]*):[^/]*@")


def is_url(text: str) -> bool:
    """Tell whether a text is a URL that posekit reads from."""
    return text.lower().startswith(_WEB + _LIVE)


def is_live_url(text: str) -> bool:
    """Tell whether the scheme alone says that a URL is a stream."""
    return text.lower().startswith(_LIVE)


def is_media_url(text: str) -> bool:
    """Tell whether a web URL ends in the suffix of a picture or video file."""
    return text.lower().startswith(_WEB) and media_kind(_file_name(text)) is not None


def mask_credentials(url: str) -> str:
    """Return a URL without its password, for messages and file names."""
    return _PASSWORD.sub(r"\1:***@", url)


def serves_picture(url: str) -> bool:
    """Ask a web server whether a URL is one picture (``image/*``); anything else is taken for a stream.

    Raises:
        DownloadError: the server does not answer, or with an error.
    """
    with _open(url, {}) as response:
        return response.headers.get("Content-Type", "").startswith("image/")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return _sum_of(path, "sha256")


def record_path(path: Path) -> Path:
    """Return where the recorded sum of `path` lies: the same name with ``.sha256`` behind it."""
    return path.with_name(f"{path.name}.sha256")


def write_record(path: Path, sha256: str, *, source: str, verified: bool) -> None:
    """Record the sum of a downloaded file in the form that ``sha256sum -c`` reads.

    Beside it stand the `source` that it came from, and whether the sum was `verified` against a published one.
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


def download(
    url: str, target: Path, *, sha256: str | None = None, md5: str | None = None, progress: bool = True
) -> Path:
    """Fetch `url` into the file `target`; an interrupted download goes on where it stopped.

    A file that is already there is only checked against its recorded sum. Beside the file its
    SHA-256 is recorded as ``<target>.sha256``.

    Args:
        url: an http or https address.
        target: the file to make; missing folders are made.
        sha256: the published sum in hexadecimal; without any, the sum is recorded without being verified.
        md5: the published MD5, where its publisher states only that: it tells damage, not malice.
        progress: whether to show a bar on the terminal.

    Returns:
        `target`.

    Raises:
        DownloadError: if the server cannot be reached or refuses, the connection breaks, the sum is
            wrong, or the file cannot be written. Nothing is then left under the name `target`.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url} is not an http or https address")
    if target.is_file():
        check_record(target)
        return target
    partial = _Partial.of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch_rest(url, partial, progress=progress)
        for kind, name, expected in (("md5", "MD5", md5), ("sha256", "SHA-256", sha256)):
            if expected is not None and (found := _sum_of(partial.path, kind)) != expected.lower():
                partial.discard()
                raise DownloadError(
                    f"{url}: the file has the {name} {found}, but {expected} was expected; it was deleted"
                )
        verified = sha256 is not None or md5 is not None
        write_record(target, sha256_of(partial.path), source=url, verified=verified)
        partial.path.replace(target)
        partial.tag_path.unlink(missing_ok=True)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"{url} could not be fetched into {target} ({error})") from error
    return target


def download_media(url: str, folder: Path) -> Path:
    """Fetch a picture or video into a cache folder and return its path, ``<folder>/<hash of the URL>/<name>``.

    A copy from an earlier call is used again only when the server says that it is still current.

    Raises:
        DownloadError: the server does not answer, answers with an error, or breaks off.
    """
    target = folder / hashlib.sha256(url.encode()).hexdigest()[:12] / _file_name(url)
    partial = _Partial.of(target, f".{os.getpid()}")
    headers = {}
    try:
        if target.is_file():
            headers["If-Modified-Since"] = email.utils.formatdate(target.stat().st_mtime, usegmt=True)
        with _open(url, headers) as response:
            if response.status_code != HTTPStatus.NOT_MODIFIED:
                target.parent.mkdir(parents=True, exist_ok=True)
                _receive(url, response, partial, 0, progress=sys.stderr.isatty())
                partial.path.replace(target)
                _copy_time(response, target)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"{mask_credentials(url)} could not be fetched into {target} ({error})") from error
    finally:
        partial.discard()
    return target.absolute()


@dataclass(frozen=True)
class _Partial:
    """A download under way: `<target>.part`, and beside it what identified the content at the server."""

    path: Path
    tag_path: Path

    @classmethod
    def of(cls, target: Path, mark: str = "") -> "_Partial":
        name = f"{target.name}{mark}.part"
        return cls(target.with_name(name), target.with_name(f"{name}.tag"))

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def tag(self) -> str:
        return self.tag_path.read_text(encoding="utf-8").strip() if self.tag_path.is_file() else ""

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag_path.unlink(missing_ok=True)


def _fetch_rest(url: str, partial: _Partial, *, progress: bool) -> None:
    """Bring `<target>.part` to full length: the rest, if the content is still the same, else everything."""
    tag, start = partial.tag(), partial.size()
    response = _open(url, {"Range": f"bytes={start}-", "If-Range": tag} if tag and start else {})
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        response.close()  # the partial file is longer than the file at the server
        response = _open(url, {})
    with response:
        if response.status_code == HTTPStatus.PARTIAL_CONTENT:
            _check_continuation(url, response, partial)
        else:
            partial.discard()
            partial.tag_path.write_text(_content_tag(response), encoding="utf-8")
            start = 0
        chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
        if not chunked and not response.headers.get("Content-Length", "").isdecimal():
            text = "the server does not say how long the file is, so a broken download would go unnoticed"
            raise DownloadError(f"{url}: {text}")
        _receive(url, response, partial, start, progress=progress)


def _open(url: str, headers: Mapping[str, str]) -> "Response":
    import requests

    name = mask_credentials(url)
    headers = {"User-Agent": "posekit", "Accept-Encoding": "identity", **headers}
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
    except (requests.RequestException, UnicodeError) as error:
        reason = _first_cause(error)
        raise DownloadError(f"{name} cannot be reached ({reason}); check the address and the network") from error
    code = response.status_code
    if url.lower().startswith("https:") and not response.url.startswith("https:"):
        response.close()
        raise DownloadError(f"{name}: the server leads to {response.url}, which is not encrypted")
    if not response.ok and code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        response.close()
        raise DownloadError(f"{name}: the server answered {code} {response.reason}")
    return response


def _first_cause(error: BaseException) -> BaseException:
    """Return what lies under the layers of a network library: "[Errno 111] Connection refused"."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _receive(url: str, response: "Response", partial: _Partial, start: int, *, progress: bool) -> None:
    """Write what a server sends behind the `start` bytes that are there."""
    from urllib3.exceptions import HTTPError

    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    received = start
    label = urlsplit(response.url).path.rpartition("/")[2]
    with (
        partial.path.open("ab") as file,
        progress_bar(label, total, start=start, shown=progress, of_bytes=True) as advance,
    ):
        try:
            for chunk in response.raw.stream(_AT_ONCE, decode_content=False):
                file.write(chunk)
                received += len(chunk)
                advance(len(chunk))
        except HTTPError as error:
            if total is None:
                raise DownloadError(f"{mask_credentials(url)} could not be fetched ({error})") from error
        file.flush()
        os.fsync(file.fileno())
        _check_untouched(url, file, partial, received)
    if total is not None and received != total:
        advice = "try again to go on from there" if partial.tag() else "try again"
        broken = f"the connection broke after {received} of {total} bytes"
        raise DownloadError(f"{mask_credentials(url)}: {broken}; {advice}")


def _content_tag(response: "Response") -> str:
    """Return what identifies the content exactly: a strong ETag, else the date of change, else nothing."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _check_continuation(url: str, response: "Response", partial: _Partial) -> None:
    """Refuse a rest that does not belong to the beginning that is on disk."""
    if _content_tag(response) != partial.tag():
        partial.discard()
        raise DownloadError(
            f"{url}: the file at the server has changed meanwhile; try again to fetch it from the start"
        )
    if not response.headers.get("Content-Range", "").startswith(f"bytes {partial.size()}-"):
        partial.discard()
        raise DownloadError(f"{url}: the server sent another part of the file than was asked for; try again")


def _check_untouched(url: str, file: BinaryIO, partial: _Partial, received: int) -> None:
    """Refuse a file that another process has replaced or written to meanwhile."""
    own = os.fstat(file.fileno())
    shared = partial.path.is_file() and os.path.samestat(own, partial.path.stat())
    if shared and own.st_size == received:
        return
    if shared:
        partial.discard()  # both have written to it
    raise DownloadError(f"{url}: another process is fetching the same file; try again when it is done")


def _copy_time(response: "Response", target: Path) -> None:
    """Give the file the server's time, by which the next call asks whether it is still current."""
    modified = email.utils.parsedate_tz(response.headers.get("Last-Modified") or "")
    seconds = email.utils.mktime_tz(modified) if modified else 0
    os.utime(target, (seconds, seconds))


def _file_name(url: str) -> str:
    # By hand, as urlsplit raises on some malformed URLs, which deserve a better message at the request.
    path = re.split(r"[?#]", url.partition("://")[2])[0].partition("/")[2]
    return safe_name(unquote(path).rpartition("/")[2])[-120:]


def _sum_of(path: Path, kind: str) -> str:
    digest = hashlib.new(kind, usedforsecurity=kind != "md5")
    with path.open("rb") as file:
        while chunk := file.read(_AT_ONCE):
            digest.update(chunk)
    return digest.hexdigest()
