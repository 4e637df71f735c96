"""Exports a model to every format that can be written here, runs the files, and prints one table in Markdown.

    python benchmarks/export_round.py --model yolo11n-pose.pt --data data.yaml --imgsz 640 --make ENVIRONMENTS
    python benchmarks/export_round.py --model yolo11n-pose.pt --data data.yaml \
        --tensorflow-python ENVIRONMENTS/tensorflow/bin/python --paddle-python ENVIRONMENTS/paddle/bin/python

Converters that cannot live beside posekit have environments of their own. ``--make FOLDER`` makes those that are
missing there, from the requirement files that posekit brings: that installs packages, which posekit itself never does.
The table is that of ``posekit benchmark``: size, accuracy, times, and the largest difference to PyTorch in pixels.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import posekit
from posekit.export.converter import CONVERTERS

# The files of requirements that lie beside the converters say which environments there are.
ENVIRONMENTS = sorted(path.stem for path in CONVERTERS.glob("*.txt"))


def made(folder: Path, name: str, python: str) -> Path:
    """Return the interpreter of an environment, which is made where it is missing."""
    place = folder / name
    program = place / "bin" / "python"
    if not program.exists():
        print(f"making {place}", file=sys.stderr)
        subprocess.run([python, "-m", "venv", str(place)], check=True)
    requirements = CONVERTERS / f"{name}.txt"
    subprocess.run([str(program), "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
    subprocess.run([str(program), "-m", "pip", "check"], check=True, stdout=sys.stderr)
    return program


def name_interpreters(options: argparse.Namespace) -> None:
    """Name the interpreters where posekit looks for them, in this process and those that it starts."""
    for name in ENVIRONMENTS:
        given: str | None = getattr(options, f"{name}_python")
        if given is None and options.make is not None:
            given = str(made(options.make, name, options.python))
        if given is not None:
            os.environ[f"POSEKIT_{name.upper()}_PYTHON"] = str(Path(given).absolute())


def main() -> None:
    """Run as the module says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="weights, or the name of a network")
    parser.add_argument("--data", help="data set that the accuracy is measured on; drawn figures without")
    parser.add_argument("--imgsz", type=int, help="side of the input in pixels")
    parser.add_argument("--formats", nargs="*", help="all without")
    parser.add_argument("--make", type=Path, metavar="FOLDER", help="where environments lie, or are made")
    parser.add_argument("--python", default="python3.11", help="makes environments")
    for name in ENVIRONMENTS:
        parser.add_argument(f"--{name}-python", help=f"interpreter of the environment for {name}")
    options = parser.parse_args()
    name_interpreters(options)
    asked = {"data": options.data, "imgsz": options.imgsz, "format": options.formats}
    wanted = {key: value for key, value in asked.items() if value is not None}
    print(posekit.YOLO(options.model).benchmark(**wanted).markdown())


if __name__ == "__main__":
    main()
