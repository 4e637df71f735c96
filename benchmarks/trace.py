"""Prints which files of posekit one piece of work passes through: how far a reader has to walk.

    python benchmarks/trace.py [--of predict train augment val]

- predict: one warm ``model(array)``, in all threads.
- train: one step of a training, from the batch that is handed over to the weights that have moved.
- augment: the pictures of a short epoch, from their files to batches, with the default augmentation.
- val: one validation with COCO truth, and how often its detections change their form.

Networks have random weights, pictures are drawn. Files are counted once each; lines are moves from file to file.
"""

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

import posekit
from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_coco_dataset, write_yolo_dataset
from posekit.data.figures.scene import make_scene
from posekit.models.yolo.presets import stock_definition

# What a detection passes between the network and a COCO score: arrays, pixels of its picture, the protocol's columns.
CHANGES_OF_FORM = (
    ("results/detected.py", "Detected.numpy"),
    ("results/detected.py", "Detected.to_original"),
    ("metrics/coco.py", "CocoCollector.add"),
)
HOME = str(Path(posekit.__file__).parent) + os.sep


@dataclass
class Walk:
    """The files that were passed through, in the order of their first visit, and the moves between them."""

    files: dict[str, int] = field(default_factory=dict)
    functions: dict[tuple[str, str], int] = field(default_factory=dict)
    moves: int = 0

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Count a call of a function of posekit."""
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(HOME):
            return
        caller = frame.f_back
        if caller is not None and caller.f_code.co_filename != name:
            self.moves += 1
        file = name.removeprefix(HOME)
        self.files[file] = self.files.get(file, 0) + 1
        function = file, frame.f_code.co_qualname if sys.version_info >= (3, 11) else frame.f_code.co_name
        self.functions[function] = self.functions.get(function, 0) + 1

    def print(self, label: str) -> None:
        """Print the count and the files."""
        print(f"{label}: {len(self.files)} files, {self.moves} moves into another file")
        for file, calls in self.files.items():
            print(f"    {file} ({calls})")


@contextmanager
def walking(walk: Walk, *, threads: bool = True) -> Iterator[None]:
    """Note every call until the end of the block, in this thread and, if asked for, in those that start meanwhile."""
    if threads:
        threading.setprofile(walk.note)
    sys.setprofile(walk.note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def new_model(folder: Path) -> YOLO:
    """Return a nano network for one class, with random weights."""
    definition = folder / "yolo11n-pose.yaml"
    definition.write_text(yaml.safe_dump(stock_definition("yolo11n-pose") | {"nc": 1}, sort_keys=False))
    return YOLO(definition)


def predict(folder: Path) -> None:
    """Walk with a prediction of one picture in memory."""
    model = new_model(folder)
    picture = make_scene(0, SceneSettings(size=(320, 320))).image
    settings = {"conf": 0.0001, "max_det": 5, "verbose": False}
    for _ in range(2):
        model(picture, **settings)
    walk = Walk()
    with walking(walk):
        model(picture, **settings)
    walk.print("one warm model(array)")


def train(folder: Path) -> None:
    """Walk with the second step of a training; pictures are loaded in other threads, which are not followed."""
    walk, steps = Walk(), [0]

    def begin(_: object) -> None:
        steps[0] += 1
        if steps[0] == 2:
            sys.setprofile(walk.note)

    train_shortly(folder, {"on_train_batch_start": begin, "on_train_batch_end": lambda _: sys.setprofile(None)})
    walk.print("one training step")


def augment(folder: Path) -> None:
    """Walk with the thread that makes the batches of an epoch: from the pictures of the data set to batches."""
    walk = Walk()
    begin = {"on_train_epoch_start": lambda _: threading.setprofile(walk.note)}
    train_shortly(folder, begin | {"on_train_epoch_end": lambda _: threading.setprofile(None)})
    walk.print("loading and augmenting the pictures of an epoch, batches included")


def train_shortly(folder: Path, callbacks: dict[str, Callable[[Any], object]]) -> None:
    """Train a small network for an epoch of two batches."""
    data = write_yolo_dataset(folder / "people", train=8, val=2, settings=SceneSettings(size=(96, 96)))
    model = new_model(folder)
    for event, function in callbacks.items():
        model.add_callback(event, function)
    settings: dict[str, Any] = {"batch": 4, "nbs": 4, "epochs": 1, "imgsz": 96, "plots": False, "verbose": False}
    settings |= {"close_mosaic": 0}
    model.train(data=str(data), project=str(folder / "runs"), workers=0, val=False, save=False, **settings)


def val(folder: Path) -> None:
    """Walk with one validation on COCO labels and print the steps that its detections pass."""
    write_coco_dataset(folder, train=1, val=2, settings=SceneSettings(size=(96, 96)))
    description = folder / "coco.yaml"
    content: dict[str, Any] = {"path": str(folder), "kpt_shape": [17, 3]}
    content |= {split: f"annotations/person_keypoints_{split}.json" for split in ("train", "val")}
    content |= {"images": {split: f"images/{split}" for split in ("train", "val")}}
    description.write_text(yaml.safe_dump(content))
    model = new_model(folder)
    settings: dict[str, Any] = {"imgsz": 96, "conf": 0.0001, "plots": False, "verbose": False}
    model.val(data=str(description), project=str(folder / "runs"), **settings)
    walk = Walk()
    with walking(walk, threads=False):
        model.val(data=str(description), project=str(folder / "runs"), **settings)
    walk.print("one validation of two pictures with COCO truth")
    for function in CHANGES_OF_FORM:
        print(f"  changes of form: {function[0]}, {function[1]}: {walk.functions.get(function, 0)} for two pictures")
    rest = sum(calls for (file, _), calls in walk.functions.items() if file == "results/results.py")
    print(f"  calls of `Results`, which would be one more: {rest}")


def main() -> None:
    """Parse arguments, walk, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", nargs="+", choices=["predict", "train", "augment", "val"], default=["predict"])
    options = parser.parse_args()
    for name in options.of:
        with tempfile.TemporaryDirectory() as folder:
            {"predict": predict, "train": train, "augment": augment, "val": val}[name](Path(folder))


if __name__ == "__main__":
    main()
