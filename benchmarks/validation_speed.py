"""Times a whole validation, loading and scoring included, against the reference when its environment is given.

    python benchmarks/validation_speed.py --model yolo11n-pose.pt --data data.yaml
    python benchmarks/validation_speed.py ... --reference-python /path/to/its/bin/python [--reference-preload MODULE]

Both tools validate in turn, and take turns at going first. Seconds are those of ``model.val(...)`` in a process that
has imported and loaded everything, after one run that warms the label caches; figures are not drawn.
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


def validate(model: YOLO, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds and the scores of one validation."""
    begin = time.perf_counter()
    metrics = model.val(verbose=False, device="cpu", plots=False, **settings)
    return {"seconds": time.perf_counter() - begin, "scores": metrics.results_dict}


def measure(
    model: YOLO, reference: Reference | None, settings: dict[str, Any], rounds: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the answers of both tools, one per round."""
    ours, theirs = [], []
    for number in range(rounds + 1):
        for turn in ("posekit", "reference") if number % 2 else ("reference", "posekit"):
            if turn == "posekit":
                ours.append(validate(model, settings))
            elif reference is not None:
                theirs.append(reference.validate(settings))
    return ours[1:], theirs[1:]


def report(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Print seconds, ratios and the largest difference of a score."""
    seconds = [answer["seconds"] for answer in ours]
    print(f"{settings}")
    print(f"  posekit    median {statistics.median(seconds):.2f} s of {[round(value, 2) for value in seconds]}")
    if not theirs:
        return
    others = [answer["seconds"] for answer in theirs]
    ratios = [one / other for one, other in zip(seconds, others, strict=True)]
    print(f"  reference  median {statistics.median(others):.2f} s of {[round(value, 2) for value in others]}")
    print(f"  posekit / reference: {sum(seconds) / sum(others):.3f} of totals, {statistics.median(ratios):.3f} median")
    for key, value in theirs[0]["scores"].items():
        print(f"  {key:<24} posekit {ours[0]['scores'][key]:.4f}  reference {value:.4f}")


def main() -> None:
    """Parse arguments, measure with and without rect, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reference-python", default="", help="interpreter of an environment that has the reference")
    parser.add_argument("--reference-preload", default="", help="module to import there first")
    options = parser.parse_args()
    model_file, data = str(options.model.resolve()), options.data.resolve()
    print(f"posekit {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    with ExitStack() as stack:
        reference = None
        if options.reference_python:
            reference = Reference(options.reference_python, model_file, options.reference_preload, data.parent)
            stack.enter_context(reference)
        model = YOLO(model_file)
        for rect in (True, False):
            settings = {"data": str(data), "imgsz": options.imgsz, "batch": options.batch, "rect": rect}
            report(*measure(model, reference, settings, options.rounds), settings)


if __name__ == "__main__":
    main()
