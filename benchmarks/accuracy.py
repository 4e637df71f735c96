"""Compares what posekit's networks find, and what its trainings come to.

    python benchmarks/accuracy.py agreement --model yolo11n-pose.pt --pictures FOLDER --truth person_keypoints.json \
        --reference-python /path/to/its/bin/python [--reference-preload MODULE]
    python benchmarks/accuracy.py training --model yolo11n-pose.pt --data data.yaml --epochs 5 --out runs/b \
        --reference-python ... [--set close_mosaic=2] [--seeds 0 1]
    python benchmarks/accuracy.py multitask --family yolo11n --data scenes --out runs/multitask
    python benchmarks/accuracy.py rfdetr --out runs/rfdetr

Each finished training is one JSON file in ``--out``; a command that is given again does only what is missing, so that
long comparisons may be interrupted, or split by ``--seeds`` and ``--tasks`` over several processes.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from reference import Tool, add_options, tools

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset
from posekit.schema.known_sets import COCO_FLIP
from posekit.version import __version__

AGREEMENT: Final = {"imgsz": 640, "conf": 0.001, "iou": 0.7}
PAIRED_IOU: Final = 0.9
COMPARED_SCORE: Final = 0.05
SCORES: Final = tuple(f"metrics/{name}({part})" for part in "BMP" for name in ("mAP50-95", "mAP50"))
TASK_SUFFIXES: Final = {"pose": "pose", "segment": "seg", "multitask": "multitask"}
SIGMA: Final = 0.2  # of all points: with COCO's a network needs thousands of steps more before its score is not zero
NETWORK: Final = {"family": "rfdetr", "size": "rfdetr-pose-nano", "queries": 30}


def agreement(options: argparse.Namespace) -> None:
    """Predictions beside the reference's, and keypoint AP by pycocotools.

    Rows of both are paired by box IoU above 0.9, best first; keypoints of pairs are compared in pixels of the picture.
    """
    suffixes = (".jpg", ".jpeg", ".png")
    pictures = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in suffixes)
    with ExitStack() as stack:
        running = {name: stack.enter_context(tool) for name, tool in tools(options, options.model).items()}
        found = {name: [tool.predict(path, AGREEMENT) for path in pictures] for name, tool in running.items()}
    for name in list(found)[1:]:
        print(json.dumps({"compared with": name, **differences(found["posekit"], found[name])}, indent=2))
    if options.truth:
        for name, answers in found.items():
            average, average50 = keypoint_ap(dict(zip(pictures, answers, strict=True)), options.truth)
            print(f"{name}: AP {average:.4f}, AP50 {average50:.4f}")


def differences(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, float]:
    """Return counts and the largest differences over all pictures."""
    pairs, boxes, points, scores = 0, [0.0], [0.0], [0.0]
    for one, other in zip(ours, theirs, strict=True):
        a, b = (np.array(answer["boxes"]).reshape(-1, 6) for answer in (one, other))
        for mine, its in pair_rows(a, b):
            pairs += 1
            if b[its, 4] > COMPARED_SCORE:
                boxes.append(float(np.abs(a[mine, :4] - b[its, :4]).max()))
                scores.append(float(abs(a[mine, 4] - b[its, 4])))
                apart = np.array(one["keypoints"][mine]) - np.array(other["keypoints"][its])
                points.append(float(np.abs(apart[:, :2]).max()))
    counts = {name: sum(len(answer["boxes"]) for answer in all_) for name, all_ in (("ours", ours), ("theirs", theirs))}
    return {**counts, "pairs": pairs, "box_px": max(boxes), "keypoint_px": max(points), "score": max(scores)}


def pair_rows(ours: NDArray[Any], theirs: NDArray[Any]) -> list[tuple[int, int]]:
    """Pair boxes (N, 6) and (M, 6), rows in falling score, each with the best free partner above the IoU."""
    near = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    far = np.minimum(ours[:, None, 2:4], theirs[None, :, 2:4])
    overlap = (far - near).clip(0).prod(2)
    areas = [(rows[:, 2:4] - rows[:, :2]).prod(1) for rows in (ours, theirs)]
    iou = overlap / np.maximum(areas[0][:, None] + areas[1][None] - overlap, 1e-9)
    pairs = []
    for row in range(len(ours)):
        best = int(iou[row].argmax()) if iou.shape[1] else -1
        if best >= 0 and iou[row, best] > PAIRED_IOU:
            pairs.append((row, best))
            iou[:, best] = 0
    return pairs


def keypoint_ap(answers: dict[Path, dict[str, Any]], truth: Path) -> tuple[float, float]:
    """Return keypoint AP and AP50 by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    coco = COCO(str(truth))
    ids = {Path(image["file_name"]).stem: image["id"] for image in coco.dataset["images"]}
    rows = []
    for picture, answer in answers.items():
        for box, keypoints in zip(answer["boxes"], answer["keypoints"], strict=True):
            row = {"image_id": ids[picture.stem], "category_id": 1, "score": box[4]}
            rows.append({**row, "keypoints": [value for point in keypoints for value in point]})
    evaluation = COCOeval(coco, coco.loadRes(rows), "keypoints")
    evaluation.params.imgIds = sorted(ids[picture.stem] for picture in answers)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


def training(options: argparse.Namespace) -> None:
    """The same data, settings and seeds in posekit and in the reference.

    Scores are those of ``best.pt`` as ``train`` returns them, validated by the tool that trained it. Give
    ``kpt_oks_sigmas`` in the data YAML: both tools score by it.
    """
    model = str(options.model.resolve()) if options.model.exists() else str(options.model)
    names = ["posekit", *(["reference"] if options.reference_python else [])]
    names = [name for name in names if name in options.tools]

    def learn(tool: str, seed: int) -> dict[str, Any]:
        arguments: dict[str, Any] = {"threads": options.threads}
        if tool == "reference":
            arguments |= {"python": options.reference_python, "preload": options.reference_preload}
            arguments |= {"folder": options.data.resolve().parent}
        with Tool("ultralytics" if tool == "reference" else "posekit", model, **arguments) as running:
            return running.train(settings_of(options, options.data.resolve(), f"{tool}-{seed}", seed))

    means = table(names, options, learn)
    if len(means) == 2:
        gaps = [ours - theirs for ours, theirs in zip(*means.values(), strict=True)]
        print("| difference | | " + " | ".join(f"{gap:+.4f}" for gap in gaps) + " | |")


def multitask(options: argparse.Namespace) -> None:
    """One multitask network against a pose and a segment network, trained on the same pictures for as many epochs.

    ``--data`` is a data YAML with outlines and keypoints, or a folder that does not exist yet: 1,100 scenes of one
    person each are drawn into it.
    """
    data = options.data if options.data.is_file() else drawn_coco(options.data)

    def learn(task: str, seed: int) -> dict[str, Any]:
        with Tool("posekit", f"{options.family}-{TASK_SUFFIXES[task]}.yaml", threads=options.threads) as running:
            return running.train(settings_of(options, data, f"{task}-{seed}", seed))

    table(options.tasks, options, learn)


def rfdetr(options: argparse.Namespace) -> None:
    """An RF-DETR pose network from random weights on drawn scenes learns.

    600 + 200 scenes of one person each, 192x192 pixels; nano, with 30 queries instead of 300 (there is one person to be
    found, and ten times the queries take ten times the arithmetic of the decoder). The curves are ``results.png`` in
    the folder of the run.
    """
    definition = options.out / "nano-30-queries.yaml"
    definition.write_text(yaml.safe_dump(NETWORK, sort_keys=False))
    description = options.out / "scenes" / "data.yaml"
    if not description.is_file():
        write_yolo_dataset(description.parent, train=600, val=200, settings=scenes(192))
        content = yaml.safe_load(description.read_text()) | {"kpt_oks_sigmas": [SIGMA] * 17}
        description.write_text(yaml.safe_dump(content, sort_keys=False))
    settings = {"lr0": 5e-4, "lrf": 0.05, "cos_lr": True, "nbs": 4, "multi_scale": 0.0, "random_crop": 0.0}
    project = str((options.out / "run").resolve())
    YOLO(definition).train(
        data=str(description), epochs=options.epochs, imgsz=192, workers=0, project=project, **settings
    )


def scenes(side: int) -> SceneSettings:
    """Return how scenes of one person are drawn."""
    return SceneSettings(size=(side, side), people=(1, 1), body_height=(0.85, 1.1), clutter=(0, 4))


def drawn_coco(folder: Path) -> Path:
    """Draw 1,100 scenes, unless they are there; return their data YAML."""
    description = folder / "data.yaml"
    if not description.is_file():
        write_coco_dataset(folder, train=800, val=300, settings=scenes(160))
        content = {
            "path": str(folder.resolve()),
            **{split: f"annotations/person_keypoints_{split}.json" for split in ("train", "val")},
            "images": {split: f"images/{split}" for split in ("train", "val")},
            "kpt_shape": [17, 3],
            "flip_idx": list(COCO_FLIP),
            "kpt_oks_sigmas": [SIGMA] * 17,
        }
        description.write_text(yaml.safe_dump(content, sort_keys=False))
    return description.resolve()


def settings_of(options: argparse.Namespace, data: Path, name: str, seed: int) -> dict[str, Any]:
    """Return the settings of one training."""
    settings = {"data": str(data), "epochs": options.epochs, "imgsz": options.imgsz, "batch": options.batch}
    settings |= {"seed": seed, "plots": False, "workers": options.workers, "name": name, "exist_ok": True}
    return {**settings, "project": str(options.out.resolve()), **dict(options.set)}


def table(
    names: list[str], options: argparse.Namespace, learn: Callable[[str, int], dict[str, Any]]
) -> dict[str, list[float]]:
    """Print a row a training, then means; return the means of each name. What is in a file is not trained again."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for name in names:
        for seed in options.seeds:
            file = options.out / f"{name}-{seed}.json"
            if not file.is_file():
                answer = learn(name, seed)
                kept = {"seconds": answer["seconds"], "scores": answer["scores"]}
                file.write_text(json.dumps(kept, indent=1))
            found.setdefault(name, {})[seed] = json.loads(file.read_text())
    keys = [key for key in SCORES if any(key in a["scores"] for own in found.values() for a in own.values())]
    print("| | seed | " + " | ".join(key.removeprefix("metrics/") for key in keys) + " | seconds |")
    print("|---|---|" + "---|" * (len(keys) + 1))
    means = {}
    for name, own in found.items():
        for seed, answer in own.items():
            print(f"| {name} | {seed} | {cells(answer['scores'], keys)} | {answer['seconds']:.0f} |")
        shared = [key for key in keys if key in next(iter(own.values()))["scores"]]
        mean = {key: statistics.mean(answer["scores"][key] for answer in own.values()) for key in shared}
        print(f"| {name} | mean | {cells(mean, keys)} | |")
        means[name] = list(mean.values())
    return means


def cells(scores: dict[str, float], keys: list[str]) -> str:
    """Return the scores as cells of a table row."""
    return " | ".join(f"{scores[key]:.4f}" if key in scores else "" for key in keys)


def pair(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``name=value``."""
    name, _, value = text.partition("=")
    return name, json.loads(value)


def main() -> None:
    """Parse arguments, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    for work in (agreement, training, multitask, rfdetr):
        mode = modes.add_parser(work.__name__, description=work.__doc__)
        mode.set_defaults(work=work)
        add_options(mode)
        if work is agreement:
            mode.add_argument("--model", required=True)
            mode.add_argument("--pictures", required=True, type=Path)
            mode.add_argument("--truth", type=Path, help="COCO keypoint annotations of the pictures")
            continue
        mode.add_argument("--out", required=True, type=Path, help="folder of the runs and their answers")
        mode.add_argument("--epochs", type=int, default={multitask: 14, rfdetr: 4}.get(work, 5))
        if work is rfdetr:
            continue
        mode.add_argument("--data", required=True, type=Path)
        mode.add_argument("--imgsz", type=int, default=160 if work is multitask else 320)
        mode.add_argument("--batch", type=int, default=8 if work is multitask else 16)
        mode.add_argument("--workers", type=int, default=0)
        mode.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
        mode.add_argument("--set", type=pair, nargs="*", default=[], help="further settings of all, as name=JSON")
        if work is training:
            mode.add_argument("--model", required=True, type=Path, help="weight file, or definition")
            mode.add_argument("--tools", nargs="+", choices=["posekit", "reference"], default=["posekit", "reference"])
        else:
            mode.add_argument("--family", required=True, help="network without its task, such as yolo11n")
            mode.add_argument("--tasks", nargs="+", choices=[*TASK_SUFFIXES], default=[*TASK_SUFFIXES])
    options = parser.parse_args()
    if "out" in options:
        options.out.mkdir(parents=True, exist_ok=True)
    print(f"posekit {__version__}, {options.threads or 'default'} threads each")
    options.work(options)


if __name__ == "__main__":
    main()
