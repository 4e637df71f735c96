"""Tell URLs apart and download media files."""

import email.utils
import hashlib
import http.client
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from posekit.errors import DownloadError
from posekit.io.formats import media_kind

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


def download(url: str, folder: Path) -> Path:
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
    return name.lstrip(".")[-120:] or "download"


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
