"""Times posekit, and beside it the reference or another release of posekit.

    python benchmarks/speed.py predict --model yolo11n-pose.pt --pictures FOLDER --threads 1 \
        --reference-python /path/to/its/bin/python [--reference-preload MODULE]
    python benchmarks/speed.py val --model yolo11n-pose.pt --data data.yaml ...
    python benchmarks/speed.py train --model yolo11n-pose.pt --data data.yaml --imgsz 320 ...
    python benchmarks/speed.py start --model yolo11n-pose.pt
    python benchmarks/speed.py scoring
    python benchmarks/speed.py multitask --families yolov8n yolo11n yolo26n
    python benchmarks/speed.py rfdetr --sizes nano medium --reference-python ...

Each tool lies in a process of its own; they take turns, and take turns at going first, so that a machine whose speed
drifts slows all. ``--threads 0`` leaves to each tool how many threads it takes: such a ratio says nothing of the code.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from reference import Tool, add_options, tools

from posekit.results.detected import Detected
from posekit.version import __version__

WARM_UP = 3
Marks = list[tuple[str, float]]


def turns(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Yield (round, name): each name once a round, every other round the other way."""
    for number in range(rounds):
        for name in names if number % 2 else reversed(names):
            yield number, name


def summary(label: str, values: dict[str, list[float]], unit: str) -> None:
    """Print median, lowest and highest of each tool, and what posekit takes of the others' time."""
    for tool, own in values.items():
        print(
            f"  {label:<10} {tool:<10} median {statistics.median(own):8.3f} {unit}"
            f"  ({min(own):.3f} to {max(own):.3f}, {len(own)} times)"
        )
    first = next(iter(values))
    for tool, other in list(values.items())[1:]:
        ratios = [a / b for a, b in zip(values[first], other, strict=True)]
        print(
            f"  {label:<10} {first} / {tool}: {statistics.median(ratios):.3f} median of pairs,"
            f" {sum(values[first]) / sum(other):.3f} of totals, {min(values[first]) / min(other):.3f} of minima"
        )


def predict(options: argparse.Namespace) -> None:
    """Wall time of ``model(path)``: reading, letterbox, network, decoding, results; one picture a call."""
    suffixes = (".jpg", ".jpeg", ".png")
    pictures = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in suffixes)
    if not pictures:
        raise SystemExit(f"{options.pictures} holds no JPEG or PNG pictures")
    for conf in (0.25, 0.001):
        settings = {"imgsz": options.imgsz, "conf": conf, "iou": 0.7}
        with ExitStack() as stack:
            running = {name: stack.enter_context(tool) for name, tool in tools(options, options.model).items()}
            for picture in pictures[:WARM_UP]:
                for tool in running.values():
                    tool.predict(picture, settings)
            answers: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
            for number, name in turns(list(running), len(pictures) * options.rounds):
                answers[name].append(running[name].predict(pictures[number % len(pictures)], settings))
        print(f"{len(pictures) * options.rounds} predictions, {settings}")
        summary("whole", {name: [answer["whole"] for answer in own] for name, own in answers.items()}, "ms")
        own = answers["posekit"]
        summary("network", {"posekit": [answer["network"] for answer in own]}, "ms")
        rest = 1 - sum(answer["network"] for answer in own) / sum(answer["whole"] for answer in own)
        print(f"  not the network: {rest:.1%} of totals")
        counts = [[len(answer["boxes"]) for answer in found] for found in answers.values()]
        same = sum(len(set(numbers)) == 1 for numbers in zip(*counts, strict=True))
        print(f"  same number of detections in {same} of {len(own)}")


def val(options: argparse.Namespace) -> None:
    """Seconds of ``model.val(...)``, loading and scoring included, after one run that warms the label caches."""
    model, data = str(Path(options.model).resolve()), options.data.resolve()
    for rect in (True, False):
        settings = {"data": str(data), "imgsz": options.imgsz, "batch": options.batch, "rect": rect}
        with ExitStack() as stack:
            running = {n: stack.enter_context(tool) for n, tool in tools(options, model, data.parent).items()}
            answers: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
            for number, name in turns(list(running), options.rounds + 1):
                answer = running[name].validate(settings)
                if number:
                    answers[name].append(answer)
        print(settings)
        summary("val", {name: [answer["seconds"] for answer in own] for name, own in answers.items()}, "s")
        for key in answers["posekit"][0]["scores"]:
            scores = {name: own[0]["scores"].get(key) for name, own in answers.items()}
            print(f"  {key:<28} " + "  ".join(f"{n} {value:.4f}" for n, value in scores.items() if value is not None))


def train(options: argparse.Namespace) -> None:
    """Seconds of a step: an epoch's time over its batches, reading included; the first epoch warms caches."""
    model, data = str(Path(options.model).resolve()), options.data.resolve()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        settings: dict[str, Any] = {"data": str(data), "imgsz": options.imgsz, "batch": options.batch, "epochs": 2}
        settings |= {"plots": False, "val": False, "save": False, "verbose": False, "exist_ok": True}
        settings |= {"project": folder, "name": "run", "close_mosaic": options.close_mosaic}
        running = {n: stack.enter_context(tool) for n, tool in tools(options, model, data.parent).items()}
        epochs: dict[str, list[Marks]] = {name: [] for name in running}
        for _, name in turns(list(running), options.rounds):
            epochs[name] += epochs_of(running[name].train(settings)["marks"])
    summary("step", {name: [step_seconds(epoch) for epoch in own] for name, own in epochs.items()}, "s")
    for name, own in epochs.items():
        print(f"  {name}: {statistics.median(waiting_share(epoch) for epoch in own):.1%} of an epoch is waiting")


def epochs_of(marks: Marks) -> list[Marks]:
    """Return the events of each epoch but the first."""
    starts = [index for index, (event, _) in enumerate(marks) if event == "on_train_epoch_start"]
    ends = [index for index, (event, _) in enumerate(marks) if event == "on_train_epoch_end"]
    return [marks[start : end + 1] for start, end in zip(starts, ends, strict=True)][1:]


def step_seconds(epoch: Marks) -> float:
    """Return the seconds per batch of an epoch, everything included."""
    return (epoch[-1][1] - epoch[0][1]) / sum(event == "on_train_batch_end" for event, _ in epoch)


def waiting_share(epoch: Marks) -> float:
    """Return the share of an epoch in which no batch was being learned from."""
    waited = sum(later - earlier for (_, earlier), (event, later) in pairwise(epoch) if event != "on_train_batch_end")
    return waited / (epoch[-1][1] - epoch[0][1])


STARTING = """
import sys, time
begin = time.perf_counter(); import torch
torch_there = time.perf_counter(); from posekit import YOLO
posekit_there = time.perf_counter(); YOLO(sys.argv[1])
print(torch_there - begin, posekit_there - torch_there, time.perf_counter() - posekit_there)
"""


def start(options: argparse.Namespace) -> None:
    """Seconds of ``import torch``, then of ``from posekit import YOLO``, then of ``YOLO(model)``; new processes."""
    paths = {"posekit": "", **({"other": options.other_release} if options.other_release else {})}
    found: dict[str, list[list[float]]] = {name: [] for name in paths}
    for _, name in turns(list(paths), options.rounds):
        environment = os.environ | ({"PYTHONPATH": paths[name]} if paths[name] else {})
        words = [sys.executable, "-c", STARTING, str(Path(options.model).resolve())]
        answer = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
        found[name].append([float(word) for word in answer.split()])
    for index, label in enumerate(("torch", "import", "open")):
        summary(label, {name: [times[index] for times in own] for name, own in found.items()}, "s")


def multitask(options: argparse.Namespace) -> None:
    """A multitask network against a pose and a segment network of its size, random weights, one scene of figures.

    Random weights find nothing, so masks are not assembled: with objects, that work is the same in multitask and
    segment networks.
    """
    import cv2
    import yaml

    from posekit.data.figures.backdrop import SceneSettings
    from posekit.data.figures.scene import make_scene
    from posekit.models.yolo.presets import SUFFIX, stock_definition

    tasks = ("multitask", "pose", "segment")
    settings = {"imgsz": options.imgsz, "conf": 0.9}
    for family in options.families:
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            folder, running = Path(name), {}
            picture = folder / "scene.png"
            cv2.imwrite(str(picture), make_scene(0, SceneSettings(size=(options.imgsz, options.imgsz))).image)
            for task in tasks:
                definition = folder / f"{family}{SUFFIX[task]}.yaml"
                definition.write_text(yaml.safe_dump(stock_definition(definition.stem) | {"nc": 1}, sort_keys=False))
                tool = Tool("posekit", str(definition), threads=options.threads)
                running[task] = stack.enter_context(tool)
            answers: dict[str, list[dict[str, Any]]] = {task: [] for task in tasks}
            for number, task in turns(tasks, options.rounds + WARM_UP):
                answer = running[task].predict(picture, settings)
                if answer["boxes"]:
                    raise SystemExit(f"{family} {task}: random weights found objects; times would not compare")
                if number >= WARM_UP:
                    answers[task].append(answer)
        print(f"{family}: {options.rounds} rounds at {options.imgsz} px")
        for part in ("network", "whole"):
            times = {task: [answer[part] for answer in own] for task, own in answers.items()}
            both = [a + b for a, b in zip(times["pose"], times["segment"], strict=True)]
            summary(part, {**times, "pose + segment": both}, "ms")


def rfdetr(options: argparse.Namespace) -> None:
    """RF-DETR pose networks against detectors of the same size of ``rfdetr``, which has no pose; processor time.

    Where a process happens to lie in memory makes up to 7 % of its time, so the tools are started several times.
    """
    threads = options.threads or 1
    for size in options.sizes:
        answers: dict[str, list[dict[str, float]]] = {"posekit": [], "rfdetr": []}
        for _ in range(options.starts):
            with ExitStack() as stack:
                theirs = {"python": options.reference_python, "preload": options.reference_preload}
                running = {
                    "posekit": stack.enter_context(Tool("posekit", size, threads=threads)),
                    "rfdetr": stack.enter_context(Tool("rfdetr", size, threads=threads, **theirs)),
                }
                for number, name in turns(list(running), WARM_UP + options.rounds):
                    answer = running[name].detect()
                    if number >= WARM_UP:
                        answers[name].append(answer)
        print(f"{size}, {threads} threads")
        for part, unit in (("network", "ms"), ("predict", "ms"), ("memory", "MiB")):
            summary(part, {name: [answer[part] for answer in own] for name, own in answers.items()}, unit)


DETECTIONS, OBJECTS, SIDE = 100, 5, 640


def scoring(options: argparse.Namespace) -> None:
    """Scoring of detections in memory, 5,000 pictures x 100 detections x 5 objects of 17 points; best of three.

    Own seconds hold box IoU, OKS, both matchings, AP and curves, without the confusion matrix. Beside them stands the
    COCO protocol on the same detections.
    """
    from posekit.metrics.coco import CocoCollector, coco_metrics_dict
    from posekit.metrics.coco_truth import read_truth
    from posekit.metrics.evaluator import Evaluator
    from posekit.schema.schema import COCO_PERSON

    truths, founds = made_pictures(options.images, options.crowded)
    names = [f"{number:06d}.jpg" for number in range(len(truths))]

    def own() -> dict[str, float]:
        evaluator = Evaluator("pose", {0: "person"}, COCO_PERSON.oks_sigmas, confusion=False)
        for begin in range(0, len(names), options.images_at_once):
            part = slice(begin, begin + options.images_at_once)
            evaluator.add(truths[part], founds[part], names[part])
        return evaluator.metrics().results_dict

    def by_coco() -> dict[str, float]:
        collector = CocoCollector(truth, ("bbox", "keypoints"))
        for name, found in zip(names, founds, strict=True):
            collector.add(name, found)
        return coco_metrics_dict(collector.scores())

    print(f"NumPy {np.__version__}, hotcoco {version('hotcoco')}: {len(names)} pictures x {DETECTIONS} x {OBJECTS}")
    wall, processor, results = best_of_three(own)
    print(f"  own         {wall:6.2f} s ({processor:.2f} of processors)", end="")
    print(f"  box {results['metrics/mAP50-95(B)']:.4f}, pose {results['metrics/mAP50-95(P)']:.4f}")
    truth = read_truth(coco_content(truths, names))
    wall, processor, results = best_of_three(by_coco)
    print(f"  COCO-exact  {wall:6.2f} s ({processor:.2f} of processors)", end="")
    print(f"  box {results['metrics/COCO-AP(B)']:.4f}, pose {results['metrics/COCO-AP(P)']:.4f}")


def best_of_three(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the best wall and processor time of three runs, and the last result."""
    wall, processor = [], []
    for _ in range(3):
        begin, begin_processor = time.perf_counter(), time.process_time()
        result = work()
        wall.append(time.perf_counter() - begin)
        processor.append(time.process_time() - begin_processor)
    return min(wall), min(processor), result


def made_pictures(count: int, crowded: bool) -> tuple[list[Any], list[Any]]:
    """Return persons at random places, each detected some twenty times, from exactly to badly.

    With `crowded` all objects of a picture lie in one place, so that every detection competes for every one.
    """
    from posekit.metrics.parts import Truth

    random = np.random.default_rng(0)
    truths, founds = [], []
    worst = 3 if crowded else 12
    for _ in range(count):
        places = np.full((OBJECTS, 2), SIDE / 2) if crowded else random.uniform(100, SIDE - 100, (OBJECTS, 2))
        sizes = np.full((OBJECTS, 2), 150.0) if crowded else random.uniform(40, 200, (OBJECTS, 2))
        places, sizes = places + random.normal(0, 3, places.shape), sizes + random.normal(0, 3, sizes.shape)
        spread = 10 / sizes[:, None] if crowded else 1.0
        points = places[:, None] + (random.random((OBJECTS, 17, 2)) - 0.5) * sizes[:, None] * spread
        visibility = random.choice([0, 1, 2], (OBJECTS, 17, 1), p=[0.3, 0.2, 0.5])
        boxes = np.concatenate([places - sizes / 2, places + sizes / 2], 1).astype(np.float32)
        keypoints = np.concatenate([points, visibility], 2).astype(np.float32)
        truths.append(Truth(classes=np.zeros(OBJECTS, np.int64), boxes=boxes, keypoints=keypoints))
        chosen = random.integers(0, OBJECTS, DETECTIONS)
        error = random.exponential(worst, (DETECTIONS, 1))
        found = keypoints[chosen, :, :2] + random.normal(0, 1, (DETECTIONS, 17, 2)) * error[:, None]
        confidence = random.random((DETECTIONS, 17, 1))
        founds.append(
            Detected(
                classes=np.zeros(DETECTIONS, np.int64),
                scores=np.sort(random.random(DETECTIONS).astype(np.float32))[::-1],
                boxes=(boxes[chosen] + random.normal(0, 1, (DETECTIONS, 4)) * error).astype(np.float32),
                keypoints=np.concatenate([found, confidence], 2).astype(np.float32),
            )
        )
    return truths, founds


def coco_content(truths: list[Any], names: list[str]) -> dict[str, Any]:
    """Return the labels as the content of a COCO file."""
    from posekit.schema.schema import COCO_PERSON

    images = [{"id": number, "file_name": name, "height": SIDE, "width": SIDE} for number, name in enumerate(names)]
    annotations = []
    for number, truth in enumerate(truths):
        for (left, top, right, bottom), points in zip(truth.boxes.tolist(), truth.keypoints, strict=True):
            area = (right - left) * (bottom - top)
            annotation = {"id": len(annotations) + 1, "image_id": number, "category_id": 1, "iscrowd": 0}
            annotation |= {"bbox": [left, top, right - left, bottom - top], "area": 0.53 * area}
            annotation |= {"keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum())}
            annotations.append(annotation)
    category = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names)}
    return {"images": images, "annotations": annotations, "categories": [category]}


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    for work in (predict, val, train, start, scoring, multitask, rfdetr):
        mode = modes.add_parser(work.__name__, description=work.__doc__)
        mode.set_defaults(work=work)
        add_options(mode)
        if work in (predict, val, train, start):
            mode.add_argument("--model", required=True)
        if work is predict:
            mode.add_argument("--pictures", required=True, type=Path)
        if work in (val, train):
            mode.add_argument("--data", required=True, type=Path)
            mode.add_argument("--batch", type=int, default=16)
        mode.add_argument("--imgsz", type=int, default=320 if work is train else 640)
        mode.add_argument("--rounds", type=int, default={start: 5, multitask: 30, rfdetr: 10}.get(work, 3))
        if work is train:
            mode.add_argument("--close-mosaic", type=int, default=0, help="0: all epochs with mosaics; 2: none")
        if work is scoring:
            mode.add_argument("--images", type=int, default=5000)
            mode.add_argument("--images-at-once", type=int, default=5000)
            mode.add_argument("--crowded", action="store_true", help="all objects of a picture in one place")
        if work is multitask:
            mode.add_argument("--families", nargs="+", default=["yolov8n", "yolo11n", "yolo26n"], help="with size")
        if work is rfdetr:
            mode.add_argument("--sizes", nargs="+", choices=["nano", "small", "medium"], default=["nano", "medium"])
            mode.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    threads = f"{options.threads} threads each" if options.threads else "threads as each tool comes"
    print(f"posekit {__version__}, torch {torch.__version__}, {os.cpu_count()} processors, {threads}")
    options.work(options)


if __name__ == "__main__":
    main()
