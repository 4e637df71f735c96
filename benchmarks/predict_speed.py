"""Times prediction per picture, one call each, and against the reference when its environment is given.

    python benchmarks/predict_speed.py --model yolo11n-pose.pt --pictures FOLDER
    python benchmarks/predict_speed.py ... --reference-python /path/to/its/bin/python [--reference-preload MODULE]

Both tools predict the same picture in turn, and take turns at going first, so that a machine whose speed drifts
slows both. Times are wall milliseconds of ``model(path)``: reading, letterbox, network, decoding, results. The
network alone is timed by hooks around its forward call; the rest of the whole is what posekit adds.
"""

import argparse
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from reference import Reference

from posekit import YOLO
from posekit.version import __version__

WARM_UP = 5


class Posekit:
    """posekit in this process, with a clock around the network."""

    def __init__(self, model: str) -> None:
        self._model = YOLO(model)
        self._network_ms = 0.0
        self._hooked: object = None

    def predict(self, path: Path, settings: dict[str, Any]) -> dict[str, float]:
        """Return ``whole`` and ``network`` (ms) and the number ``found`` for one picture."""
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
        turns = [_turn_of_posekit, _turn_of_reference]
        row: dict[str, float] = {}
        for turn in turns if number % 2 else reversed(turns):
            row |= turn(ours, reference, picture, settings)
        rows.append(row)
    return rows


def _turn_of_posekit(
    ours: Posekit, reference: Reference | None, picture: Path, settings: dict[str, Any]
) -> dict[str, float]:
    return {f"posekit_{key}": value for key, value in ours.predict(picture, settings).items()}


def _turn_of_reference(
    ours: Posekit, reference: Reference | None, picture: Path, settings: dict[str, Any]
) -> dict[str, float]:
    if reference is None:
        return {}
    answer = reference.predict(picture, settings)
    return {"reference_whole": answer["whole"], "reference_found": len(answer["boxes"])}


def report(rows: list[dict[str, float]], settings: dict[str, Any]) -> None:
    """Print totals, medians and ratios."""

    def column(key: str) -> list[float]:
        return [row[key] for row in rows]

    whole, network = column("posekit_whole"), column("posekit_network")
    print(f"{len(rows)} predictions, {settings}")
    print(f"  posekit    median {statistics.median(whole):6.1f} ms, mean {statistics.mean(whole):6.1f} ms")
    print(f"  network    median {statistics.median(network):6.1f} ms, mean {statistics.mean(network):6.1f} ms")
    shares = [100 * (1 - inner / outer) for inner, outer in zip(network, whole, strict=True)]
    print(f"  not the network: {statistics.median(shares):.1f} % of the whole (median per picture),", end=" ")
    print(f"{100 * (1 - sum(network) / sum(whole)):.1f} % of totals")
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
    print(f"posekit {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    with ExitStack() as stack:
        reference = None
        if options.reference_python:
            reference = Reference(options.reference_python, options.model, options.reference_preload)
            stack.enter_context(reference)
        for conf in (0.25, 0.001):
            settings = {"imgsz": options.imgsz, "conf": conf, "iou": 0.7}
            report(measure(Posekit(options.model), reference, pictures * options.rounds, settings), settings)


if __name__ == "__main__":
    main()
