"""Times the epochs of a training, reading included, against the reference when its environment is given.

    python benchmarks/training_speed.py --model yolo11n-pose.pt --data data.yaml --imgsz 320
    python benchmarks/training_speed.py ... --reference-python /path/to/its/bin/python [--reference-preload MODULE]

Both tools train in turn, and take turns at going first. Of each training the first epoch is left out: it warms caches.
A step is an epoch's time, from its first event to its last, over its batches; waiting is the part of the epoch between
the end of one batch and the beginning of the next.
"""

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from reference import Reference
from reference_worker import train

from posekit import YOLO
from posekit.version import __version__

Marks = list[tuple[str, float]]


def epochs_of(marks: Marks) -> list[Marks]:
    """Return the events of each epoch but the first."""
    starts = [index for index, (event, _) in enumerate(marks) if event == "on_train_epoch_start"]
    ends = [index for index, (event, _) in enumerate(marks) if event == "on_train_epoch_end"]
    return [marks[start : end + 1] for start, end in zip(starts, ends, strict=True)][1:]


def step_seconds(epoch: Marks) -> float:
    """Return the seconds per batch of an epoch, everything included."""
    batches = sum(event == "on_train_batch_end" for event, _ in epoch)
    return (epoch[-1][1] - epoch[0][1]) / batches


def waiting_share(epoch: Marks) -> float:
    """Return the share of an epoch in which no batch was being learned from."""
    waited = sum(later - earlier for (_, earlier), (event, later) in pairwise(epoch) if event != "on_train_batch_end")
    return waited / (epoch[-1][1] - epoch[0][1])


def measure(options: argparse.Namespace, folder: Path) -> dict[str, list[Marks]]:
    """Return the epochs that each tool went through."""
    model, data = str(options.model.resolve()), options.data.resolve()
    settings: dict[str, Any] = {"data": str(data), "imgsz": options.imgsz, "batch": options.batch, "epochs": 2}
    settings |= {"plots": False, "val": False, "save": False, "verbose": False, "close_mosaic": options.close_mosaic}
    settings |= {"project": str(folder), "name": "run", "exist_ok": True}
    found: dict[str, list[Marks]] = {"posekit": [], "reference": []}
    with ExitStack() as stack:
        reference = None
        if options.reference_python:
            reference = Reference(options.reference_python, model, options.reference_preload, data.parent)
            stack.enter_context(reference)
        for number in range(options.rounds):
            for turn in ("posekit", "reference") if number % 2 else ("reference", "posekit"):
                if turn == "posekit":
                    found[turn] += epochs_of(train(YOLO(model), {"train": settings})["marks"])
                elif reference is not None:
                    found[turn] += epochs_of(reference.train(settings)["marks"])
    return found


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--close-mosaic", type=int, default=0, help="0: all epochs with mosaics; 2: none")
    parser.add_argument("--reference-python", default="", help="interpreter of an environment that has the reference")
    parser.add_argument("--reference-preload", default="", help="module to import there first")
    options = parser.parse_args()
    print(f"posekit {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads: {options.data}")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    steps = {tool: [step_seconds(epoch) for epoch in epochs] for tool, epochs in found.items() if epochs}
    for tool, seconds in steps.items():
        waits = statistics.median(waiting_share(epoch) for epoch in found[tool])
        shown = [round(value, 3) for value in seconds]
        print(f"  {tool:<9}  median {statistics.median(seconds):.3f} s a step of {shown}, waiting {waits:.1%}")
    if "reference" in steps:
        ratios = [one / other for one, other in zip(steps["posekit"], steps["reference"], strict=True)]
        print(f"  posekit / reference: {sum(steps['posekit']) / sum(steps['reference']):.3f} of totals")
        print(f"  per round: {[round(ratio, 3) for ratio in ratios]}")


if __name__ == "__main__":
    main()
