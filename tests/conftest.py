"""What tests of several rooms share: weights made here, and a place to work in."""

import os
import random
import signal

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import settings

from golden.fill import image
from house import lines_per_room
from posekit.cli.entry import limit_spinning

# Before anything imports PyTorch: tests run beside each other and beside other work, on few processors.
limit_spinning()
# Whoever starts tests in the background may have Ctrl-C ignored, and all processes of theirs would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# An example may take any time: on a busy machine a deadline fails tests that find nothing wrong. The same examples
# each time: what fails, fails for everybody.
settings.register_profile("posekit", deadline=None, derandomize=True)
settings.load_profile("posekit")


def pytest_terminal_summary(terminalreporter):
    """Say after every run how large the house is: size is a budget."""
    rooms = lines_per_room()
    files, lines = (sum(column) for column in zip(*rooms.values(), strict=True))
    each = ", ".join(f"{room} {files}/{lines}" for room, (files, lines) in sorted(rooms.items()))
    terminalreporter.write_line(f"src/posekit: {files} files, {lines} lines ({each})")


@pytest.fixture(autouse=True)
def _the_same_chances():
    """Random weights and choices are the same in every run, whichever tests ran before."""
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Return a function that gives a weight file of a small network; each is made once."""
    from posekit import YOLO
    from small_networks import small_definition, small_network

    folder = tmp_path_factory.mktemp("weights")
    made = {}

    def weight_file(name="yolov8n-pose", *, seed=0, nc=1, kpt_shape=(17, 3), suffix=".pt"):
        key = (name, seed, nc, kpt_shape, suffix)
        if key not in made:
            definition = folder / f"{name}.yaml"
            definition.write_text(yaml.safe_dump(small_definition(name, nc=nc, kpt_shape=kpt_shape)))
            model = YOLO(definition)
            model.loaded.network = small_network(name, seed=seed, nc=nc, kpt_shape=kpt_shape)
            model.loaded.settings = {"imgsz": 128}
            model.model.names = dict(enumerate(["person", "dog", "cat"][:nc]))
            made[key] = folder / f"{name}-{len(made)}{suffix}"
            model.save(made[key])
        return made[key]

    return weight_file


@pytest.fixture
def pose_model(weights):
    """A pose model that finds a few persons."""
    from posekit import YOLO

    return YOLO(weights())


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder, for a user without settings and without weights."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("POSEKIT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("POSEKIT_CACHE_DIR", str(tmp_path / "cache"))
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    return work


@pytest.fixture
def picture():
    """A BGR picture of 96x128."""
    return image(96, 128, 0)


@pytest.fixture
def gallery(tmp_path):
    """A folder of three pictures of 96x128."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"p{number}.png"), image(96, 128, number))
    return folder


@pytest.fixture
def video(tmp_path):
    """A video of eight frames of 96x128 at ten frames per second."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 96))
    for number in range(8):
        writer.write(np.ascontiguousarray(image(96, 128, number)))
    writer.release()
    return path
