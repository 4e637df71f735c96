"""Trainings that take a second: a quarter of a nano network on drawn people of 64 pixels."""

from contextlib import contextmanager

import pytest
import torch
import yaml

from posekit import YOLO
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from small_networks import SMALL, small_definition


@pytest.fixture(autouse=True)
def one_thread():
    """Sums of floating-point numbers depend on how they are divided between threads: bits are compared here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """A data set of drawn people, 10 to train on and 4 to validate on."""
    folder = tmp_path_factory.mktemp("people") / "yolo"
    return write_yolo_dataset(folder, train=10, val=4, settings=SceneSettings(size=(64, 64), people=(1, 2)))


@pytest.fixture(scope="session")
def outlines(tmp_path_factory):
    """The same with outlines, the rectangles of the boxes, in place of keypoints."""
    folder = tmp_path_factory.mktemp("outlines") / "yolo"
    data = write_yolo_dataset(folder, train=6, val=4, settings=SceneSettings(size=(64, 64), people=(1, 2)))
    for path in folder.rglob("*.txt"):
        rows = [list(map(float, row.split()[1:5])) for row in path.read_text().splitlines()]
        corners = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in rows]
        path.write_text("".join(f"0 {x1} {y1} {x2} {y1} {x2} {y2} {x1} {y2}\n" for x1, y1, x2, y2 in corners))
    values = yaml.safe_load(data.read_text())
    data.write_text(yaml.safe_dump({key: values[key] for key in ("path", "train", "val", "names") if key in values}))
    return data


@pytest.fixture(scope="session")
def definition(tmp_path_factory):
    """Return a function that gives the definition file of a small network."""

    def write(name="yolov8n-pose", **changes):
        path = tmp_path_factory.mktemp("definition") / f"{name}.yaml"
        path.write_text(yaml.safe_dump(small_definition(name, **changes)))
        return path

    return write


@pytest.fixture(scope="session")
def any_training(definition, people):
    """Return a function that trains a small network in the working folder, and gives its trainer."""

    def run(network="yolov8n-pose", *, model=None, callbacks=(), **settings):
        yolo = YOLO(model or definition(network))
        for event, function in dict(callbacks).items():
            yolo.add_callback(event, function)
        new = {"data": str(people)} | SMALL
        yolo.train(**(settings if "resume" in settings else new | settings))
        return yolo.trainer

    return run


@pytest.fixture
def train(here, any_training):
    """The same in an empty folder, for a user without settings."""
    return any_training


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """Return a context in a folder of its own, for what several tests look at."""

    @contextmanager
    def enter(name):
        folder, threads = tmp_path_factory.mktemp(name), torch.get_num_threads()
        torch.set_num_threads(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("POSEKIT_CONFIG_DIR", str(folder / "config"))
            yield folder
        torch.set_num_threads(threads)

    return enter
