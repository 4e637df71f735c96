"""Compares what trainings with the same data, settings and seeds come to, with posekit and with the reference.

    python benchmarks/training_accuracy.py --model yolo11n-pose.pt --data data.yaml --epochs 5 --imgsz 320 --out runs/b
    python benchmarks/training_accuracy.py ... --reference-python /path/to/its/bin/python [--reference-preload MODULE]
    python benchmarks/training_accuracy.py ... --set close_mosaic=2 --seeds 0 1

Scores are those of ``best.pt`` as ``train`` returns them, validated by the tool that trained it. Give
``kpt_oks_sigmas`` in the data YAML: both tools score by it. Each finished run is one JSON file in ``--out``; a
command that is given again does only what is missing, so long comparisons may be interrupted, or split by ``--seeds``
over several processes.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from reference import Reference
from reference_worker import train

from posekit import YOLO
from posekit.version import __version__

SCORES = ("metrics/mAP50-95(B)", "metrics/mAP50(B)", "metrics/mAP50-95(P)", "metrics/mAP50(P)")


def pair(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``name=value``."""
    name, _, value = text.partition("=")
    return name, json.loads(value)


def run(tool: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the answer of one training, from its file if it has been done."""
    file = options.out / f"{tool}-{seed}.json"
    if file.is_file():
        return json.loads(file.read_text())  # type: ignore[no-any-return]
    model = str(options.model.resolve()) if options.model.exists() else str(options.model)
    settings = {
        "data": str(options.data.resolve()),
        "epochs": options.epochs,
        "imgsz": options.imgsz,
        "batch": options.batch,
        "seed": seed,
        "plots": False,
        "project": str(options.out.resolve()),
        "name": f"{tool}-{seed}",
        "exist_ok": True,
        "workers": options.workers,
        **dict(options.set),
    }
    if tool == "posekit":
        answer = train(YOLO(model), {"train": settings})
    else:
        folder = options.data.resolve().parent
        with Reference(options.reference_python, model, options.reference_preload, folder) as reference:
            answer = reference.train(settings)
    kept = {"seconds": answer["seconds"], "scores": answer["scores"], "settings": settings}
    file.write_text(json.dumps(kept, indent=1))
    return answer


def report(answers: dict[str, dict[int, dict[str, Any]]]) -> None:
    """Print a table: one row a run, then the means and their difference."""
    print("| tool | seed | " + " | ".join(key.removeprefix("metrics/") for key in SCORES) + " | seconds |")
    print("|---|---|" + "---|" * (len(SCORES) + 1))
    means = {}
    for tool, by_seed in answers.items():
        for seed, answer in by_seed.items():
            row = " | ".join(f"{answer['scores'][key]:.4f}" for key in SCORES)
            print(f"| {tool} | {seed} | {row} | {answer['seconds']:.0f} |")
        means[tool] = [statistics.mean(answer["scores"][key] for answer in by_seed.values()) for key in SCORES]
        print(f"| {tool} | mean | " + " | ".join(f"{mean:.4f}" for mean in means[tool]) + " | |")
    if len(means) == 2:
        gaps = [ours - theirs for ours, theirs in zip(means["posekit"], means["reference"], strict=True)]
        print("| difference | | " + " | ".join(f"{gap:+.4f}" for gap in gaps) + " | |")


def main() -> None:
    """Parse arguments, run what is missing, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path, help="weight file, or definition to begin from nothing")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path, help="folder of the runs and their answers")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--imgsz", type=int, required=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--tools", nargs="+", choices=["posekit", "reference"], default=["posekit", "reference"])
    parser.add_argument("--set", type=pair, nargs="*", default=[], help="further settings of both, as name=JSON")
    parser.add_argument("--reference-python", default="", help="interpreter of an environment that has the reference")
    parser.add_argument("--reference-preload", default="", help="module to import there first")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tools = [tool for tool in options.tools if tool == "posekit" or options.reference_python]
    print(f"posekit {__version__}: {options.model} on {options.data}, {options.epochs} epochs at {options.imgsz} px")
    report({tool: {seed: run(tool, seed, options) for seed in options.seeds} for tool in tools})


if __name__ == "__main__":
    main()
