"""Downloads a file so that it appears complete and checked, or not at all."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from posekit.checkpoint.checksum import check_record, md5_of, sha256_of, write_record
from posekit.checkpoint.progress_bar import progress_bar
from posekit.errors import DownloadError

TIMEOUT_SECONDS = 30.0
"""How long a server may stay silent."""

_CHUNK_BYTES = 1 << 16
_HTTP_PARTIAL = 206
_HTTP_RANGE_NOT_SATISFIABLE = 416


class _Response(Protocol):
    """The part of `http.client.HTTPResponse` that is used."""

    status: int
    headers: http.client.HTTPMessage
    url: str

    def read(self, amt: int) -> bytes: ...

    def __enter__(self) -> "_Response": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class _Partial:
    """A download under way: `<target>.part`, and beside it what identified the content at the server."""

    path: Path
    tag_path: Path

    @classmethod
    def of(cls, target: Path) -> "_Partial":
        return cls(target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.tag"))

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def tag(self) -> str:
        return self.tag_path.read_text(encoding="utf-8").strip() if self.tag_path.is_file() else ""

    def resume_headers(self) -> dict[str, str]:
        """Ask for the rest, if the content is still the same; without a tag only for everything."""
        tag = self.tag()
        return {"Range": f"bytes={self.size()}-", "If-Range": tag} if tag and self.size() else {}

    def remember(self, response: _Response) -> None:
        self.tag_path.write_text(_content_tag(response), encoding="utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag_path.unlink(missing_ok=True)


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
        md5: the published MD5, where its publisher states only that.
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
        _fetch(url, partial, progress=progress)
        _check_sum(url, partial, "MD5", md5, md5_of)
        _check_sum(url, partial, "SHA-256", sha256, sha256_of)
        verified = sha256 is not None or md5 is not None
        write_record(target, sha256_of(partial.path), source=url, verified=verified)
        partial.path.replace(target)
        partial.tag_path.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise DownloadError(f"{url} cannot be reached ({error.reason})") from error
    except DownloadError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url} could not be fetched into {target} ({error})") from error
    return target


def _fetch(url: str, partial: _Partial, *, progress: bool) -> None:
    """Bring `<target>.part` to full length."""
    try:
        response = _open(url, partial.resume_headers())
    except urllib.error.HTTPError as error:
        if error.code != _HTTP_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        partial.discard()  # it is longer than the file at the server: start again
        response = _open(url, {})
    with response:
        resumed = response.status == _HTTP_PARTIAL
        start = partial.size() if resumed else 0
        if resumed:
            _check_continuation(url, response, partial)
        else:
            partial.discard()
            partial.remember(response)
        total = _total(url, response, start)
        with partial.path.open("ab") as file, progress_bar(_label(url), total, start, shown=progress) as advance:
            received = start + _copy(response, file, advance)
            file.flush()
            os.fsync(file.fileno())
            _check_untouched(url, file, partial, received)
    if total is not None and received != total:
        raise DownloadError(
            f"{url}: the connection broke after {received} of {total} bytes; try again to go on from there"
        )


def _open(url: str, headers: dict[str, str]) -> _Response:
    request = urllib.request.Request(url, headers={"User-Agent": "posekit", "Accept-Encoding": "identity", **headers})
    response: _Response = _opener().open(request, timeout=TIMEOUT_SECONDS)
    if url.startswith("https:") and not response.url.startswith("https:"):
        with response:
            raise DownloadError(f"{url}: the server leads to {response.url}, which is not encrypted")
    return response


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows http and https only: the usual one also follows redirects to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _content_tag(response: _Response) -> str:
    """Return what identifies the content exactly: a strong ETag, else the date of change, else nothing."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _check_continuation(url: str, response: _Response, partial: _Partial) -> None:
    """Refuse a rest that does not belong to the beginning that is on disk."""
    if _content_tag(response) != partial.tag():
        partial.discard()
        raise DownloadError(
            f"{url}: the file at the server has changed meanwhile; try again to fetch it from the start"
        )
    if not response.headers.get("Content-Range", "").startswith(f"bytes {partial.size()}-"):
        partial.discard()
        raise DownloadError(f"{url}: the server sent another part of the file than was asked for; try again")


def _total(url: str, response: _Response, start: int) -> int | None:
    """Return the length of the whole file; None if it comes in chunks that end with a mark of their own."""
    length = response.headers.get("Content-Length", "")
    if length.isdecimal():
        return start + int(length)
    if response.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return None
    raise DownloadError(f"{url}: the server does not say how long the file is, so a broken download would go unnoticed")


def _copy(response: _Response, file: BinaryIO, advance: Callable[[int], None]) -> int:
    received = 0
    while chunk := response.read(_CHUNK_BYTES):
        file.write(chunk)
        received += len(chunk)
        advance(len(chunk))
    return received


def _check_untouched(url: str, file: BinaryIO, partial: _Partial, received: int) -> None:
    """Refuse a file that another process has replaced or written to meanwhile."""
    own = os.fstat(file.fileno())
    shared = partial.path.is_file() and os.path.samestat(own, partial.path.stat())
    if shared and own.st_size == received:
        return
    if shared:
        partial.discard()  # both have written to it
    raise DownloadError(f"{url}: another process is fetching the same file; try again when it is done")


def _check_sum(url: str, partial: _Partial, kind: str, expected: str | None, sum_of: Callable[[Path], str]) -> None:
    if expected is None:
        return
    digest = sum_of(partial.path)
    if digest != expected.lower():
        partial.discard()
        raise DownloadError(f"{url}: the file has the {kind} {digest}, but {expected} was expected; it was deleted")


def _label(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]
