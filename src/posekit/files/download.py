"""Downloads a file so that it appears complete and checked, or not at all."""

import email.utils
import hashlib
import http.client
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote, unquote, urlsplit

from posekit.errors import DownloadError
from posekit.files.magic import media_kind

HASHED_AT_ONCE = 1 << 20


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
        while chunk := file.read(HASHED_AT_ONCE):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def progress_bar(label: str, total: int | None, start: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error and give the function that moves it on by a number of bytes.

    Args:
        label: what stands before the bar.
        total: length of the whole file in bytes; None shows a bar without end.
        start: bytes that are there already.
        shown: False draws nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task(label, total=total, completed=start)
        yield lambda count: progress.advance(task, count)


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


_WEB = ("http://", "https://")


_LIVE = ("rtsp://", "rtsps://", "rtmp://", "tcp://")


_PASSWORD = re.compile(r"^(\w+://[^/:@]*):[^/]*@")


_TIMEOUT_S = 30.0


_CHUNK = 1 << 18


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
    with _request(url, {}) as answer:
        return str(answer.headers.get_content_maintype()) == "image"


def download_urls(url: str, folder: Path) -> Path:
    """Fetch a media file into a cache folder and return its path, ``<folder>/<hash of the URL>/<name>``.

    A copy from an earlier call is used again only when the server says that it is still current.

    Raises:
        DownloadError: the server does not answer, answers with an error, or breaks off.
    """
    target = folder / hashlib.sha256(url.encode()).hexdigest()[:12] / _file_name(url)
    headers = {}
    if target.is_file():
        headers["If-Modified-Since"] = email.utils.formatdate(target.stat().st_mtime, usegmt=True)
    with _request(url, headers) as answer:
        if answer.status != http.HTTPStatus.NOT_MODIFIED:
            target.parent.mkdir(parents=True, exist_ok=True)
            _save(answer, target, url)
    return target.absolute()


def _file_name(url: str) -> str:
    # By hand, as urlsplit raises on some malformed URLs, which deserve a better message at the request.
    path = re.split(r"[?#]", url.partition("://")[2])[0].partition("/")[2]
    name = re.sub(r"[^\w.\- ()]", "_", unquote(path).rpartition("/")[2])
    return name.lstrip(".")[-120:] or "download_urls"


@contextmanager
def _request(url: str, headers: dict[str, str]) -> Iterator[Any]:
    """Open a web URL; every network failure becomes one DownloadError."""
    name = mask_credentials(url)
    try:
        # As browsers do: what was pasted may hold spaces and letters that a URL must spell in another way.
        address = quote(url, safe="%/:?#[]@!$&'()*+,;=")
        request = urllib.request.Request(address, headers={"User-Agent": "posekit", **headers})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.HTTPStatus.NOT_MODIFIED:
                yield error
                return
        raise DownloadError(f"{name}: the server answers {error.code} {error.reason}") from error
    except DownloadError:
        raise
    except urllib.error.URLError as error:
        raise DownloadError(f"{name}: cannot be reached ({error.reason}); check the address and the network") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(f"{name}: the download failed ({error})") from error


def _save(answer: Any, target: Path, url: str) -> None:
    """Write the body beside the target, then move it there, so that no half file is ever taken for a whole one."""
    from rich.console import Console
    from rich.progress import Progress

    expected = int(answer.headers.get("Content-Length") or 0)
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    console = Console(stderr=True)
    try:
        with partial.open("wb") as file, Progress(console=console, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task(target.name, total=expected or None)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))
        received = partial.stat().st_size
        if received < expected:
            raise DownloadError(f"{mask_credentials(url)}: broke off after {received} of {expected} bytes; try again")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    _copy_time(answer, target)


def _copy_time(answer: Any, target: Path) -> None:
    """Give the file the server's time, by which the next call asks whether it is still current."""
    modified = email.utils.parsedate_tz(answer.headers.get("Last-Modified") or "")
    seconds = email.utils.mktime_tz(modified) if modified else 0
    os.utime(target, (seconds, seconds))
