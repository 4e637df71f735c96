"""Times prediction per picture, one call each, and against the reference when its environment is given.

    python benchmarks/predict_speed.py --model yolo11n-pose.pt --pictures FOLDER
    python benchmarks/predict_speed.py ... --reference-python /path/to/its/bin/python [--reference-preload MODULE]

Both tools predict the same picture in turn, and take turns at going first, so that a machine whose speed drifts
slows both. Times are wall milliseconds of ``model(path)``: reading, letterbox, network, decoding, results. The
network alone is timed by hooks around its forward call; the rest of the whole is what posekit adds.
"""

import argparse
import json
import platform
import statistics
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from posekit import YOLO, __version__

WARM_UP = 5


class Reference:
    """The reference in a process of its own."""

    def __init__(self, python: str, model: str, preload: str) -> None:
        worker = Path(__file__).with_name("reference_worker.py")
        self._process = subprocess.Popen(
            [python, str(worker)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._send({"model": model, "preload": preload})

    def predict(self, path: Path, settings: dict[str, Any]) -> dict[str, float]:
        """Return ``whole`` (ms) and ``found`` for one picture."""
        self._send({"path": str(path), "settings": settings})
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


class Posekit:
    """posekit in this process, with a clock around the network."""

    def __init__(self, model: str) -> None:
        self._model = YOLO(model)
        self._network_ms = 0.0
        self._hooked: object = None

    def predict(self, path: Path, settings: dict[str, Any]) -> dict[str, float]:
        """Return ``whole`` and ``network`` (ms) and ``found`` for one picture."""
        self._network_ms = 0.0
        begin = time.perf_counter()
        result = self._model.predict(path, verbose=False, device="cpu", **settings)[0]
        whole = (time.perf_counter() - begin) * 1e3
        self._hook()
        return {"whole": whole, "network": self._network_ms, "found": len(result)}

    def _hook(self) -> None:
        """Put the clock around the fused network, which exists after the first prediction."""
        network = self._model.predictor.model.network
        if network is self._hooked:
            return
        self._hooked = network
        network.register_forward_pre_hook(lambda *_: setattr(self, "_begin", time.perf_counter()))
        network.register_forward_hook(self._add)

    def _add(self, *_: object) -> None:
        self._network_ms += (time.perf_counter() - self._begin) * 1e3


def measure(
    ours: Posekit, reference: Reference | None, pictures: list[Path], settings: dict[str, Any]
) -> list[dict[str, float]]:
    """Return one row of times per picture."""
    for picture in pictures[:WARM_UP]:
        ours.predict(picture, settings)
        if reference:
            reference.predict(picture, settings)
    rows = []
    for number, picture in enumerate(pictures):
        turns = [("posekit", ours), ("reference", reference)]
        row = {}
        for name, tool in turns if number % 2 else reversed(turns):
            if tool is not None:
                row |= {f"{name}_{key}": value for key, value in tool.predict(picture, settings).items()}
        rows.append(row)
    return rows


def report(rows: list[dict[str, float]], settings: dict[str, Any]) -> None:
    """Print totals, medians and ratios."""

    def column(key: str) -> list[float]:
        return [row[key] for row in rows]

    whole, network = column("posekit_whole"), column("posekit_network")
    print(f"{len(rows)} predictions, {settings}")
    print(f"  posekit    median {statistics.median(whole):6.1f} ms, mean {statistics.mean(whole):6.1f} ms")
    print(f"  network    median {statistics.median(network):6.1f} ms, mean {statistics.mean(network):6.1f} ms")
    print(f"  not the network: {100 * (1 - sum(network) / sum(whole)):.1f} % of the whole")
    if "reference_whole" in rows[0]:
        other = column("reference_whole")
        ratios = [a / b for a, b in zip(whole, other, strict=True)]
        same = sum(row["posekit_found"] == row["reference_found"] for row in rows)
        print(f"  reference  median {statistics.median(other):6.1f} ms, mean {statistics.mean(other):6.1f} ms")
        print(f"  posekit / reference: {sum(whole) / sum(other):.3f} of totals, {statistics.median(ratios):.3f} median")
        print(f"  same number of detections on {same} of {len(rows)}")


def main() -> None:
    """Parse arguments, measure at two thresholds, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", required=True, type=Path)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reference-python", default="", help="interpreter of an environment that has the reference")
    parser.add_argument("--reference-preload", default="", help="module to import there first")
    options = parser.parse_args()
    pictures = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not pictures:
        raise SystemExit(f"{options.pictures} holds no JPEG or PNG pictures")
    print(
        f"posekit {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.processor()}"
    )
    reference = None
    if options.reference_python:
        reference = Reference(options.reference_python, options.model, options.reference_preload)
    for conf in (0.25, 0.001):
        settings = {"imgsz": options.imgsz, "conf": conf, "iou": 0.7}
        report(measure(Posekit(options.model), reference, pictures * options.rounds, settings), settings)
    if reference:
        reference.__exit__(None, None, None)


if __name__ == "__main__":
    main()
