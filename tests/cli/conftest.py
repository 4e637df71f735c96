import os
import subprocess
import sys
from pathlib import Path

import pytest

import posekit

PACKAGE_PARENT = Path(posekit.__file__).parents[1]


@pytest.fixture
def environment(tmp_path):
    """The environment of a user with an empty home: no settings, no weights."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("POSEKIT_", "XDG_"))}
    home = tmp_path / "home"
    return kept | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")])),
        "POSEKIT_CONFIG_DIR": str(tmp_path / "config"),
        "HOME": str(home),
        "USERPROFILE": str(home),
    }


@pytest.fixture
def folder(tmp_path):
    """The working directory of the commands."""
    work = tmp_path / "work"
    work.mkdir()
    return work


@pytest.fixture
def posekit_command(environment, folder):
    """Run the command in a process of its own; returns it with returncode, stdout and stderr."""

    def run(*words, **extra):
        return subprocess.run(
            [sys.executable, "-m", "posekit", *words],
            cwd=folder,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
