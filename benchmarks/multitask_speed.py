"""Times a multitask network against a pose and a segment network of its family and size, one after the other.

    python benchmarks/multitask_speed.py --families yolov8n yolo11n yolo26n --rounds 30
    python benchmarks/multitask_speed.py --families yolo11s --imgsz 320 --threads 1

Networks are made for one class and 17 keypoints, with random weights, and fused, as `predict` runs them. In every round
each predicts the same scene of figures; the multitask network goes first in every other round, so that a machine whose
speed drifts slows all. Forward is the network alone; predict is the whole call on a picture in memory: preparation,
forward, decoding, results. Random weights find nothing, so masks are not assembled: with objects, that work is the same
for the multitask and the segment network.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import torch
import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.scene import make_scene
from posekit.models.yolo.presets import SUFFIX, stock_definition
from posekit.sample import Picture
from posekit.version import __version__

TASKS: Final = ("multitask", "pose", "segment")
PARTS: Final = ("forward", "predict")
WARM_UP: Final = 3
Times = dict[str, list[float]]


class TimedModel:
    """A model with a clock around its network, and one around the whole of predict.

    Attributes:
        name: of the definition, without ending.
        times: milliseconds of each prediction, for each of `PARTS`.
    """

    def __init__(self, family: str, task: str, folder: Path) -> None:
        self.name = f"{family}{SUFFIX[task]}"
        self.times: Times = {part: [] for part in PARTS}
        definition = folder / f"{self.name}.yaml"
        definition.write_text(yaml.safe_dump(stock_definition(self.name) | {"nc": 1}, sort_keys=False))
        self._model = YOLO(definition)
        self._begin = self._forward = 0.0

    def warm_up(self, picture: Picture, settings: dict[str, Any]) -> None:
        """Predict a few times; the fused network exists from the first time on, and is timed from then on."""
        self._model.predict(picture, **settings)
        network = self._model.predictor.model.network
        network.register_forward_pre_hook(self._start)
        network.register_forward_hook(self._stop)
        for _ in range(WARM_UP):
            self._model.predict(picture, **settings)

    def predict(self, picture: Picture, settings: dict[str, Any]) -> None:
        """Predict once and note the times."""
        begin = time.perf_counter()
        found = self._model.predict(picture, **settings)[0]
        whole = (time.perf_counter() - begin) * 1e3
        if len(found):
            raise SystemExit(f"{self.name}: random weights found {len(found)} objects; times would not compare")
        self.times["forward"].append(self._forward)
        self.times["predict"].append(whole)

    def _start(self, *_: object) -> None:
        self._begin = time.perf_counter()

    def _stop(self, *_: object) -> None:
        self._forward = (time.perf_counter() - self._begin) * 1e3


def measure(family: str, options: argparse.Namespace) -> dict[str, TimedModel]:
    """Return the three models of a family after all rounds."""
    settings = {"imgsz": options.imgsz, "conf": 0.9, "device": "cpu", "verbose": False}
    picture = make_scene(0, SceneSettings(size=(options.imgsz, options.imgsz))).image
    with tempfile.TemporaryDirectory() as folder:
        models = {task: TimedModel(family, task, Path(folder)) for task in TASKS}
        for model in models.values():
            model.warm_up(picture, settings)
        for number in range(options.rounds):
            for task in TASKS if number % 2 else (*TASKS[1:], TASKS[0]):
                models[task].predict(picture, settings)
    return models


def report(models: dict[str, TimedModel]) -> None:
    """Print one row per network, one of the two single tasks together, and what multitask takes of that."""
    times = {model.name: model.times for model in models.values()}
    single = [models[task].times for task in TASKS[1:]]
    both = {part: [a + b for a, b in zip(*(one[part] for one in single), strict=True)] for part in PARTS}
    print("| network | forward ms, median | min | predict ms, median | min |\n|---|---:|---:|---:|---:|")
    for name, own in (times | {"pose + segment": both}).items():
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in numbers(own)) + " |")
    shares = [a / b for a, b in zip(numbers(models["multitask"].times), numbers(both), strict=True)]
    print("| multitask / (pose + segment) | " + " | ".join(f"{share:.2f}" for share in shares) + " |\n")


def numbers(times: Times) -> list[float]:
    """Return the median and the lowest time of each part."""
    return [pick(times[part]) for part in PARTS for pick in (statistics.median, min)]


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", default=["yolov8n", "yolo11n", "yolo26n"], help="with size")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as PyTorch takes")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(f"posekit {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{options.rounds} rounds, one picture of {options.imgsz}x{options.imgsz}, one class, 17 keypoints\n")
    for family in options.families:
        report(measure(family, options))


if __name__ == "__main__":
    main()
