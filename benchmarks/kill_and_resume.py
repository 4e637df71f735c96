"""Kills a short training at random moments and resumes it, again and again: its final weights must not change a bit.

    python benchmarks/kill_and_resume.py --kills 30

Two trainings on the same drawn people: one in peace, one whose process gets SIGKILL at random moments, each time
followed by a resumption from ``weights/last.pt`` (by a new start where there is none yet). When a training has ended,
the next one begins, until so many processes were killed. Prints a line per kill, and exits with 1 if ``last.pt`` was
ever unreadable or the final weights, averages or results differ.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.data.figures.backdrop import SceneSettings
from posekit.data.figures.dataset import write_yolo_dataset
from posekit.engine.results_csv import read_results

WEIGHTS = Path("runs/pose/train/weights")
TRAINING = """
import sys
from pathlib import Path
import torch
from posekit import YOLO

torch.set_num_threads(1)  # how sums are divided between threads decides their last bits
model, data, epochs, imgsz = sys.argv[1:]
last = Path("runs/pose/train/weights/last.pt")
settings = dict(
    data=data, epochs=int(epochs), imgsz=int(imgsz), batch=8, nbs=16, device="cpu", workers=0, verbose=False,
    exist_ok=True, close_mosaic=2,
)
YOLO(last if last.is_file() else model).train(**(dict(resume=True) if last.is_file() else settings))
"""


def main() -> int:
    """Run the trainings; return the exit code."""
    options = read_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = SceneSettings(size=(options.imgsz, options.imgsz))
        data = write_yolo_dataset(folder / "people", train=options.pictures, val=8, settings=scenes)
        script = folder / "training.py"
        script.write_text(TRAINING)
        words = [sys.executable, str(script), options.model, str(data), str(options.epochs), str(options.imgsz)]
        peace = folder / "peace"
        seconds = train(words, peace)
        print(f"in peace: {seconds:.1f} s")
        problems = kill_and_resume(words, folder / "killed", peace, seconds, options)
    print(f"{options.kills} kills: " + ("every bit as in peace" if not problems else f"{problems} differences"))
    return 1 if problems else 0


def read_options() -> argparse.Namespace:
    """Return the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--model", default="yolo26n-pose.yaml")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--imgsz", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    return parser.parse_args()


def train(words: list[str], folder: Path) -> float:
    """Train in a folder to the end; return the seconds."""
    folder.mkdir(exist_ok=True)
    began = time.monotonic()
    subprocess.run(words, cwd=folder, env=environment(), check=True)
    return time.monotonic() - began


def kill_and_resume(words: list[str], folder: Path, peace: Path, seconds: float, options: argparse.Namespace) -> int:
    """Kill as often as asked for; return how many things were not as in peace."""
    moments, kills, problems = random.Random(options.seed), 0, 0
    while kills < options.kills:
        folder.mkdir(exist_ok=True)
        delay = moments.uniform(0.1, 1.0) * seconds
        if not killed(words, folder, delay):
            problems += differences(folder, peace)
            shutil.rmtree(folder)
            continue
        kills += 1
        last = folder / WEIGHTS / "last.pt"
        state = read_checkpoint(last).training if last.is_file() else None
        found = (
            "no last.pt yet" if state is None else f"{state['epoch'] + 1} epochs in last.pt" if state else "finished"
        )
        print(f"kill {kills} after {delay:.1f} s: {found}", flush=True)
        if found == "finished":  # killed in the final evaluation, when all was written
            problems += differences(folder, peace)
            shutil.rmtree(folder)
    train(words, folder)
    return problems + differences(folder, peace)


def killed(words: list[str], folder: Path, delay: float) -> bool:
    """Train for some seconds; return whether the process had to be killed, and did not end by itself."""
    process = subprocess.Popen(words, cwd=folder, env=environment())
    try:
        if process.wait(delay) != 0:
            raise SystemExit(f"the training failed with {process.returncode}")
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def differences(folder: Path, peace: Path) -> int:
    """Return how many of the final files are not the same in both folders."""
    found = 0
    for name in ("last.pt", "best.pt"):
        ours, theirs = (read_checkpoint(each / WEIGHTS / name).state for each in (folder, peace))
        found += not (ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours))
    tables = [read_results(each / WEIGHTS.parent / "results.csv") for each in (folder, peace)]
    rows = [[{**row, "time": 0.0} for row in table] for table in tables]
    return found + (rows[0] != rows[1])


def environment() -> dict[str, str]:
    """Return the environment of the trainings."""
    return os.environ | {"OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    sys.exit(main())
