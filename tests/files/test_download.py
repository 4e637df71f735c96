"""Downloads appear whole and checked, or not at all."""

import hashlib
import http.server
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from posekit.errors import DownloadError
from posekit.files.download import check_record, download, record_path, sha256_of, write_record

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Site:
    """How the server behaves, and what it was asked."""

    content: bytes = CONTENT
    etag: str | None = '"one"'
    modified: str | None = None
    cut_after: int | None = None
    ranges: bool = True
    ignores_if_range: bool = False
    status: int | None = None
    redirect: str | None = None
    states_length: bool = True
    chunked: bool = False
    meanwhile: Callable[[], None] | None = None
    requests: list = field(default_factory=list)
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/folder/weights.pt"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        site = self.server.site
        site.requests.append(dict(self.headers))
        self.close_connection = True
        if site.redirect is not None or site.status is not None:
            self.send_response(302 if site.redirect else site.status)
            self.send_header("Location", site.redirect or "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = self._start(site)
        if start is not None and start >= len(site.content):
            self.send_error(416)
            return
        self._send(site, start)

    def _start(self, site):
        wanted = self.headers.get("Range", "")
        condition = self.headers.get("If-Range")
        current = condition in (None, site.etag, site.modified) or site.ignores_if_range
        return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges and current else None

    def _send(self, site, start):
        body = site.content[start or 0 :]
        self.send_response(200 if start is None else 206)
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
        for name, value in (("ETag", site.etag), ("Last-Modified", site.modified)):
            if value is not None:
                self.send_header(name, value)
        if site.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif site.states_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if site.chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        body = body[: site.cut_after]
        if site.meanwhile is not None:
            self.wfile.write(body[:1000])
            site.meanwhile()
            body = body[1000:]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.site = Site(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.site
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "weights" / "weights.pt"


def fetch(site, target, sha256=None):
    return download(site.url, target, sha256=sha256, progress=False)


def cut_off(site, target, after=100_000):
    site.cut_after = after
    with pytest.raises(DownloadError, match=f"broke after {after} of {len(site.content)} bytes; try again"):
        fetch(site, target)
    site.cut_after = None
    assert not target.exists()


def test_the_file_arrives_whole_and_alone(site, target):
    assert fetch(site, target, SHA256) == target
    assert target.read_bytes() == CONTENT
    assert sorted(path.name for path in target.parent.iterdir()) == ["weights.pt", "weights.pt.sha256"]
    assert "verified against the catalogue" in record_path(target).read_text()


def test_an_unknown_sum_is_recorded_as_unverified(site, target):
    fetch(site, target)
    record = record_path(target).read_text()
    assert SHA256 in record
    assert "unverified" in record


def test_a_file_that_is_there_is_not_fetched_again(site, target):
    fetch(site, target)
    fetch(site, target)
    assert len(site.requests) == 1


def test_a_file_that_has_changed_since_is_noticed(site, target):
    fetch(site, target)
    target.write_bytes(b"other")
    with pytest.raises(DownloadError, match="is not the file that was downloaded"):
        fetch(site, target)


def test_a_broken_download_goes_on_where_it_stopped(site, target):
    cut_off(site, target)
    fetch(site, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert site.requests[1]["Range"] == "bytes=100000-"
    assert site.requests[1]["If-Range"] == '"one"'


def test_the_date_of_change_serves_when_there_is_no_strong_etag(site, target):
    site.etag, site.modified = 'W/"weak"', "Wed, 21 Oct 2015 07:28:00 GMT"
    cut_off(site, target)
    fetch(site, target, SHA256)
    assert site.requests[1]["If-Range"] == site.modified


def test_without_any_tag_it_starts_again(site, target):
    site.etag = None
    cut_off(site, target)
    fetch(site, target, SHA256)
    assert "Range" not in site.requests[1]


def test_content_that_changed_meanwhile_is_fetched_from_the_start(site, target):
    cut_off(site, target)
    site.content, site.etag = CONTENT[::-1], '"two"'
    fetch(site, target)
    assert target.read_bytes() == CONTENT[::-1]


def test_a_rest_of_changed_content_is_refused(site, target):
    cut_off(site, target)
    site.content, site.etag, site.ignores_if_range = CONTENT[::-1], '"two"', True
    with pytest.raises(DownloadError, match="has changed meanwhile"):
        fetch(site, target)
    fetch(site, target)
    assert target.read_bytes() == CONTENT[::-1]


def test_a_server_that_knows_no_ranges_sends_everything(site, target):
    cut_off(site, target)
    site.ranges = False
    fetch(site, target, SHA256)
    assert target.read_bytes() == CONTENT


def test_a_partial_file_longer_than_the_content_is_dropped(site, target):
    cut_off(site, target)
    site.content = CONTENT[:50_000]
    fetch(site, target)
    assert target.read_bytes() == CONTENT[:50_000]


def test_a_wrong_sum_leaves_nothing(site, target):
    with pytest.raises(DownloadError, match=f"has the SHA-256 {SHA256}, but {'0' * 64} was expected; it was deleted"):
        fetch(site, target, "0" * 64)
    assert list(target.parent.iterdir()) == []


def test_chunked_content_arrives(site, target):
    site.chunked = True
    fetch(site, target, SHA256)
    assert target.read_bytes() == CONTENT


def test_chunked_content_that_breaks_off_is_noticed(site, target):
    site.chunked, site.cut_after = True, 1000
    with pytest.raises(DownloadError, match="could not be fetched"):
        fetch(site, target)
    assert not target.exists()


def test_content_of_unknown_length_is_refused(site, target):
    site.states_length = False
    with pytest.raises(DownloadError, match="does not say how long the file is"):
        fetch(site, target)
    assert not target.exists()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_refusals_of_the_server_are_told(site, target, status):
    site.status = status
    with pytest.raises(DownloadError, match=f"the server answered {status}"):
        fetch(site, target)
    assert not target.exists()


def test_an_unreachable_server_is_told(target, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.pt"
        with pytest.raises(DownloadError, match="cannot be reached"):
            download(url, target, progress=False)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/a.pt", "a.pt", "data:,x"])
def test_other_addresses_are_refused(target, url):
    with pytest.raises(DownloadError, match="not an http or https address"):
        download(url, target, progress=False)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/a.pt"])
def test_redirects_to_other_protocols_are_refused(site, target, place):
    site.redirect = place
    with pytest.raises(DownloadError):
        fetch(site, target)
    assert not target.exists()


def other_process(part, act):
    """Return what another process does to the unfinished file as soon as it is there."""

    def meanwhile():
        while not part.exists():
            time.sleep(0.01)
        act(part)

    return meanwhile


def start_again(part):
    part.unlink()
    part.write_bytes(CONTENT[:5000])


def add_to_it(part):
    with part.open("ab") as file:
        file.write(CONTENT[:5000])


@pytest.mark.parametrize(("act", "left"), [(start_again, ["weights.pt.part", "weights.pt.part.tag"]), (add_to_it, [])])
def test_another_process_that_fetches_the_same_file_is_noticed(site, target, act, left):
    site.meanwhile = other_process(target.with_name("weights.pt.part"), act)
    with pytest.raises(DownloadError, match="another process is fetching the same file"):
        fetch(site, target)
    assert sorted(file.name for file in target.parent.iterdir()) == left


def test_a_target_that_cannot_be_written_is_told(site, tmp_path):
    (tmp_path / "blocker").write_text("a file where a folder is needed")
    with pytest.raises(DownloadError, match="could not be fetched into"):
        fetch(site, tmp_path / "blocker" / "weights.pt")


def test_a_disk_that_takes_no_more_leaves_nothing_under_the_name(site, target):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DownloadError, match=r"could not be fetched into .*File too large"):
            fetch(site, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not target.exists()
    fetch(site, target, SHA256)  # with space again it goes on


def test_a_bar_is_shown_on_standard_error(site, target, capsys):
    download(site.url, target, sha256=None, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "weights.pt" in err


def test_an_md5_is_checked_where_its_publisher_states_only_that(site, target):
    good = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    with pytest.raises(DownloadError, match=f"has the MD5 {good}, but {'0' * 32} was expected; it was deleted"):
        download(site.url, target, md5="0" * 32, progress=False)
    assert list(target.parent.iterdir()) == []
    download(site.url, target, md5=good, progress=False)
    assert "verified against the catalogue" in record_path(target).read_text()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"weights" * 300_000)
    return path


def test_the_sum_is_that_of_the_content(file):
    assert sha256_of(file) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_without_record_is_accepted(file):
    check_record(file)


def test_an_unchanged_file_passes_and_a_changed_one_does_not(file):
    write_record(file, sha256_of(file), source="http://x", verified=False)
    check_record(file)
    file.write_bytes(b"other")
    with pytest.raises(DownloadError, match="is not the file that was downloaded"):
        check_record(file)


def test_an_unreadable_record_is_no_pass(file):
    record_path(file).write_text("# nothing\n\n")
    with pytest.raises(DownloadError):
        check_record(file)


def test_the_record_says_whether_it_was_verified_and_serves_sha256sum(file):
    write_record(file, sha256_of(file), source="http://x/a.pt", verified=False)
    assert "http://x/a.pt: recorded at the first download, unverified" in record_path(file).read_text()
    subprocess.run(["sha256sum", "--check", "--strict", record_path(file).name], cwd=file.parent, check=True)
