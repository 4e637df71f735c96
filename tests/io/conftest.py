import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posekit.io.open_source import open_source


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """A smooth BGR picture of 48x64 that looks different from every side."""
    rows, columns = np.mgrid[0:48, 0:64].astype(np.float32)
    image = np.stack([columns * 3.9, rows * 5.2, 255 - columns * 2 - rows * 2], axis=-1).round().astype(np.uint8)
    image[4:12, 6:30] = (20, 220, 60)
    return image


@pytest.fixture
def frames() -> list[NDArray[np.uint8]]:
    """20 frames of 48x64 whose brightness tells their number."""
    return [np.full((48, 64, 3), 10 + 12 * i, np.uint8) for i in range(20)]


@pytest.fixture
def write_video(frames):
    def write(path: Path, codec: str = "MJPG", fps: float = 10.0) -> Path:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
        assert writer.isOpened()
        for frame in frames:
            writer.write(frame)
        writer.release()
        return path

    return write


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """Start web servers on this machine; each answers every GET with the given function."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                # A client that has seen enough hangs up.
                with contextlib.suppress(ConnectionError):
                    answer(self)

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def opened(tmp_path):
    def open_it(source, **options):
        return open_source(source, download_dir=tmp_path / "downloads", **options)

    return open_it


@pytest.fixture
def media_folder(tmp_path, picture, write_video, monkeypatch) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f"p{i}.png"), picture + np.uint8(i))
    write_video(folder / "v1.avi")
    write_video(folder / "v2.avi")
    monkeypatch.chdir(folder)
    return folder
