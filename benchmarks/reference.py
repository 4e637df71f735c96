"""The reference as a black box, in a process and an environment of its own."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any


class Reference:
    """Predicts, validates and trains in another interpreter; nothing of it is imported here.

    Args:
        python: interpreter of an environment that has the reference.
        model: weight file.
        preload: module to import there first; empty for none.
        folder: working directory of its process.
    """

    def __init__(self, python: str, model: str, preload: str, folder: Path | None = None) -> None:
        worker = Path(__file__).with_name("reference_worker.py")
        self._process = subprocess.Popen(
            [python, str(worker)], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._send({"model": model, "preload": preload})

    def predict(self, path: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """Return ``whole`` (ms), ``boxes`` rows x1 y1 x2 y2 score class, and ``keypoints`` rows for one picture."""
        return self._answer({"path": str(path), "settings": settings})

    def validate(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the ``seconds`` and the ``scores`` by key of one validation."""
        return self._answer({"settings": settings})

    def train(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return ``seconds`` and ``scores`` of one training, and ``marks``: its events with their times."""
        return self._answer({"train": settings})

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self._send(request)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the reference ended: see its messages above")
        return json.loads(answer)  # type: ignore[no-any-return]

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")

    def __enter__(self) -> "Reference":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
