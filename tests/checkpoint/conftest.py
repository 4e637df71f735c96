import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import posekit

GOLDEN = Path(__file__).parent.parent / "golden"

# Reads files under an audit hook and a memory limit and says what each attempt did.
WATCHER = """
import json, resource, sys, time
from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.errors import CheckpointError

good, files = sys.argv[1:3], sys.argv[3:]
for path in good:  # whatever is imported on first use is imported now
    read_checkpoint(path)
events, reports = [], []
sys.addaudithook(lambda name, args: events.append([name, *map(str, args[:2])]))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(400e6)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in files:
    events.clear()
    began = time.monotonic()
    try:
        read_checkpoint(path)
        outcome = ["loaded", ""]
    except CheckpointError as error:
        outcome = ["CheckpointError", str(error)]
    except BaseException as error:
        outcome = [type(error).__name__, str(error)]
    reports.append({"seconds": time.monotonic() - began, "path": path, "outcome": outcome, "events": list(events)})
print(json.dumps(reports))
"""


def load_module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pickles():
    return load_module(Path(__file__).parent / "pickles.py")


@pytest.fixture(scope="session")
def fill():
    return load_module(GOLDEN / "fill.py").fill


@pytest.fixture(scope="session")
def golden():
    return GOLDEN / "yolo" / "checkpoints"


@pytest.fixture(scope="session")
def watched_read(golden, pickles, tmp_path_factory):
    """Read files in a process that records every audit event and may allocate 400 MB at most."""

    small = pickles.checkpoint(tmp_path_factory.mktemp("good") / "small.pt", {"model": pickles.network()})

    def read(paths):
        source = Path(posekit.__file__).parent.parent
        run = subprocess.run(
            [sys.executable, "-c", WATCHER, golden / "fused_11seg.pt", small, *paths],
            env={**os.environ, "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    return read
