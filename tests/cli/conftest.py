"""Commands in this process, and in one of their own where that is the promise."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import posekit
from posekit.cli import main
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset

PACKAGE_PARENT = Path(posekit.__file__).parents[1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory of the commands of a user with an empty home: no settings, no weights."""
    work = tmp_path / "work"
    work.mkdir()
    for key in list(os.environ):
        if key.startswith(("POSEKIT_", "XDG_")):
            monkeypatch.delenv(key)
    paths = [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("POSEKIT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def as_before(monkeypatch):
    """Give back what a command changes for its whole process: variables, threads, signal handlers, logging."""
    logger = logging.getLogger("posekit")
    before = logger.level, logger.propagate, logger.handlers[:]
    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGINT)
    variables = dict(os.environ)
    yield
    logger.level, logger.propagate, logger.handlers[:] = before
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, handler)
    os.environ.clear()
    os.environ.update(variables)


@pytest.fixture
def command(folder, as_before, capfd, monkeypatch):
    """Run the command in this process; returns it with returncode, stdout and stderr."""

    def run(*words, **variables):
        for key, value in variables.items():
            monkeypatch.setenv(key, value)
        capfd.readouterr()
        status = main(words)
        said = capfd.readouterr()
        return SimpleNamespace(returncode=status, stdout=said.out, stderr=said.err)

    return run


@pytest.fixture
def process(folder):
    """Run the command, or a script, in a process of its own; returns it with returncode, stdout and stderr."""

    def run(*words, script=None, variables=None, **settings):
        start = [sys.executable, *(("-m", "posekit") if script is None else ("-c", script)), *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
        environment = os.environ | (variables or {})
        return subprocess.run(start, cwd=folder, env=environment, text=True, timeout=120, check=False, **pipes)

    return run


@pytest.fixture
def people(tmp_path):
    """A data set of drawn people, four to train on and four to validate on."""
    return write_yolo_dataset(tmp_path / "people", train=4, val=4, settings=SceneSettings(size=(64, 96)))
