"""Compares one multitask network with a pose and a segment network, trained on the same pictures for as many epochs.

    python benchmarks/multitask_accuracy.py --family yolo11n --out runs/multitask --data scenes
    python benchmarks/multitask_accuracy.py ... --seeds 0 1 --set close_mosaic=14 scale=0.2

`--data` is a data YAML with outlines and keypoints, or a folder that does not exist yet: 1,100 scenes of one person
each are drawn into it. Each finished run is one JSON file in ``--out``; a command that is given again does only what is
missing, so that a comparison may be interrupted, or split by ``--seeds`` and ``--tasks`` over several processes.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any, Final

import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset
from posekit.schema.known_sets import COCO_FLIP
from posekit.version import __version__

SCORES: Final = {"B": "metrics/mAP50-95(B)", "M": "metrics/mAP50-95(M)", "P": "metrics/mAP50-95(P)"}
SUFFIXES: Final = {"pose": "pose", "segment": "seg", "multitask": "multitask"}
SCENES: Final = SceneSettings(size=(160, 160), people=(1, 1), body_height=(0.85, 1.1), clutter=(0, 4))
SIGMA: Final = 0.2  # of all points: with COCO's a network needs thousands of steps more before its score is not zero


def drawn(folder: Path) -> Path:
    """Draw the scenes, unless they are there; return their data YAML."""
    description = folder / "data.yaml"
    if not description.is_file():
        write_coco_dataset(folder, train=800, val=300, settings=SCENES)
        content = {
            "path": str(folder.resolve()),
            **{split: f"annotations/person_keypoints_{split}.json" for split in ("train", "val")},
            "images": {split: f"images/{split}" for split in ("train", "val")},
            "kpt_shape": [17, 3],
            "flip_idx": list(COCO_FLIP),
            "kpt_oks_sigmas": [SIGMA] * 17,
        }
        description.write_text(yaml.safe_dump(content, sort_keys=False))
    return description


def pair(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``name=value``."""
    name, _, value = text.partition("=")
    return name, json.loads(value)


def run(task: str, seed: int, data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return scores and seconds of one training, from its file if it has been done."""
    file = options.out / f"{task}-{seed}.json"
    if file.is_file():
        return json.loads(file.read_text())  # type: ignore[no-any-return]
    settings = {
        "data": str(data),
        "epochs": options.epochs,
        "imgsz": options.imgsz,
        "batch": options.batch,
        "seed": seed,
        "plots": False,
        "workers": 0,
        "device": "cpu",
        "project": str(options.out.resolve()),
        "name": f"{task}-{seed}",
        "exist_ok": True,
        **dict(options.set),
    }
    begin = time.perf_counter()
    metrics = YOLO(f"{options.family}-{SUFFIXES[task]}.yaml").train(**settings)
    seconds = time.perf_counter() - begin
    scores = {key: float(metrics.results_dict[name]) for key, name in SCORES.items() if name in metrics.results_dict}
    answer = {"seconds": seconds, "scores": scores, "settings": settings}
    file.write_text(json.dumps(answer, indent=1))
    return answer


def report(answers: dict[str, dict[int, dict[str, Any]]]) -> None:
    """Print a table: one row a run, then the means of each task."""
    print("| task | seed | mAP50-95(B) | (M) | (P) | seconds |\n|---|---:|---:|---:|---:|---:|")
    for task, by_seed in answers.items():
        for seed, answer in by_seed.items():
            print(f"| {task} | {seed} | {cells(answer['scores'])} | {answer['seconds']:.0f} |")
        scores = [answer["scores"] for answer in by_seed.values()]
        means = {key: statistics.mean(score[key] for score in scores) for key in scores[0]}
        print(f"| {task} | mean | {cells(means)} | |")


def cells(scores: dict[str, float]) -> str:
    """Return the scores as cells of a table row."""
    return " | ".join(f"{scores[key]:.4f}" if key in scores else "" for key in SCORES)


def main() -> None:
    """Parse arguments, run what is missing, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", required=True, help="network without its task, such as yolo11n")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path, help="folder of the runs and their answers")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--tasks", nargs="+", choices=[*SUFFIXES], default=[*SUFFIXES])
    parser.add_argument("--set", type=pair, nargs="*", default=[], help="further settings of all, as name=JSON")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = options.data if options.data.is_file() else drawn(options.data)
    print(f"posekit {__version__}: {options.family} on {data}, {options.epochs} epochs at {options.imgsz} px")
    report({task: {seed: run(task, seed, data, options) for seed in options.seeds} for task in options.tasks})


if __name__ == "__main__":
    main()
