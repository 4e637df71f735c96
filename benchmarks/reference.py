"""A tool as a black box, in a process and an environment of its own, so that nothing of it is imported elsewhere.

`Tool` starts this very file with the tool's interpreter; the process answers one JSON request a line. Tools are
posekit (of this or of another environment), ``ultralytics`` and ``rfdetr``.
"""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

# Events of a training whose times are told.
MARKS = ("on_train_epoch_start", "on_train_batch_start", "on_train_batch_end", "on_train_epoch_end")


class Tool:
    """A process that predicts, validates or trains when it is asked to.

    Args:
        package: posekit, ultralytics or rfdetr.
        model: weight file, definition, or for RF-DETR a size such as nano.
        python: its interpreter; this one by default.
        path: folder to import from before all others, such as the ``src`` of another release of posekit.
        preload: module to import first; empty for none.
        folder: working directory of its process.
        threads: of PyTorch; 0: as they come.
    """

    def __init__(
        self,
        package: str,
        model: str,
        *,
        python: str = sys.executable,
        path: str = "",
        preload: str = "",
        folder: Path | None = None,
        threads: int = 0,
    ) -> None:
        environment = os.environ | ({"PYTHONPATH": path} if path else {})
        self._process = subprocess.Popen(
            [python, str(Path(__file__).resolve())],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._send({"package": package, "model": model, "preload": preload, "threads": threads})

    def predict(self, path: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """Return of one picture milliseconds (``whole``, of posekit ``network``, too) and rows of what was found."""
        return self._answer({"do": "predict", "path": str(path), "settings": settings})

    def validate(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the ``seconds`` and the ``scores`` by key of one validation."""
        return self._answer({"do": "validate", "settings": settings})

    def train(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return ``seconds`` and ``scores`` of one training, and ``marks``: its events with their times."""
        return self._answer({"do": "train", "settings": settings})

    def detect(self) -> dict[str, float]:
        """Return of RF-DETR processor milliseconds of ``network`` and ``predict``, and the most ``memory`` in MiB."""
        return self._answer({"do": "detect"})

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self._send(request)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("a tool's process ended: see its messages above")
        return json.loads(answer)  # type: ignore[no-any-return]

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")

    def __enter__(self) -> "Tool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the words that say what posekit is compared with."""
    parser.add_argument("--reference-python", default="", help="interpreter of an environment that has the reference")
    parser.add_argument("--reference-preload", default="", help="module to import there first")
    parser.add_argument("--other-release", default="", help="folder src of another posekit, in place of the reference")
    parser.add_argument("--threads", type=int, default=0, help="of each tool; 0: as each tool comes")


def tools(options: argparse.Namespace, model: str, folder: Path | None = None) -> dict[str, Tool]:
    """Return posekit and what it is compared with, by name; their processes are started."""
    found = {"posekit": Tool("posekit", model, threads=options.threads)}
    if options.other_release:
        found["other"] = Tool("posekit", model, path=options.other_release, threads=options.threads)
    elif options.reference_python:
        found["reference"] = Tool(
            "ultralytics",
            model,
            python=options.reference_python,
            preload=options.reference_preload,
            folder=folder,
            threads=options.threads,
        )
    return found


class Yolo:
    """Does in its own process what is asked of a YOLO model, with a clock."""

    def __init__(self, package: str, model: str) -> None:
        self._is_posekit = package == "posekit"
        self._make, self._file = importlib.import_module(package).YOLO, model
        self._model: Any = self._make(model)
        self._hooked: object = None
        self._begin = self._network = 0.0

    def predict(self, path: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the milliseconds and the rows of one picture."""
        self._network = 0.0
        begin = time.perf_counter()
        result = self._model.predict(path, verbose=False, device="cpu", **settings)[0]
        whole = (time.perf_counter() - begin) * 1e3
        network = self._network
        if self._is_posekit:
            self._hook(self._model.predictor.model.network)
        keypoints = [] if result.keypoints is None else result.keypoints.data.tolist()
        return {"whole": whole, "network": network, "boxes": result.boxes.data.tolist(), "keypoints": keypoints}

    def _hook(self, network: Any) -> None:
        """Put a clock around the fused network, which exists after the first prediction."""
        if network is not self._hooked:
            self._hooked = network
            network.register_forward_pre_hook(lambda *_: setattr(self, "_begin", time.perf_counter()))
            network.register_forward_hook(
                lambda *_: setattr(self, "_network", self._network + (time.perf_counter() - self._begin) * 1e3)
            )

    def validate(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the seconds and the scores of one validation."""
        begin = time.perf_counter()
        metrics = self._model.val(verbose=False, device="cpu", plots=False, **settings)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "scores": {key: float(value) for key, value in metrics.results_dict.items()}}

    def train(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the seconds of a training, the scores of its best weights, and when its batches began and ended."""
        marks: list[tuple[str, float]] = []
        model = self._make(self._file)
        for event in MARKS:
            model.add_callback(event, lambda loop, event=event: marks.append((event, time.perf_counter())))
        begin = time.perf_counter()
        metrics = model.train(device="cpu", **settings)
        seconds = time.perf_counter() - begin
        return {
            "seconds": seconds,
            "scores": {key: float(value) for key, value in metrics.results_dict.items()},
            "marks": marks,
        }


class RFDETR:
    """Predicts one picture of noise again and again in its own process, by an RF-DETR network with random weights."""

    def __init__(self, package: str, size: str) -> None:
        import numpy as np
        import torch

        if package == "posekit":
            self._model = getattr(importlib.import_module(package), f"RFDETRPose{size.title()}")(
                pretrain_weights=None, device="cpu"
            )
            self._network, side = self._model.model.network, self._model.resolution
        else:
            self._model = getattr(importlib.import_module(package), f"RFDETR{size.title()}")(
                pretrain_weights=None, device="cpu"
            )
            self._network, side = self._model.model.model.eval(), self._model.model.resolution
        self._images = torch.rand(1, 3, side, side)
        self._picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)

    def detect(self) -> dict[str, float]:
        """Return what one forward pass and one prediction take of the processor, and the most memory so far."""
        import torch

        begin = time.process_time()
        with torch.inference_mode():
            self._network(self._images)
        middle = time.process_time()
        self._model.predict(self._picture, threshold=0.5)
        return {
            "network": (middle - begin) * 1e3,
            "predict": (time.process_time() - middle) * 1e3,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def answer_requests() -> None:
    """Read one JSON request a line, write one JSON answer a line, until standard input ends."""
    start = json.loads(sys.stdin.readline())
    answers, sys.stdout = sys.stdout, sys.stderr  # a tool's own messages must not mix with the answers
    if start["preload"]:
        importlib.import_module(start["preload"])
    if start["threads"]:
        importlib.import_module("torch").set_num_threads(start["threads"])
    is_size = start["model"] in ("nano", "small", "medium", "large")
    worker = (RFDETR if is_size else Yolo)(start["package"], start["model"])
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(worker, request.pop("do"))(**request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: its modules are not for the tool
    answer_requests()
