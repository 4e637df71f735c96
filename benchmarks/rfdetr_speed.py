"""Compares RF-DETR pose networks with detectors of the package ``rfdetr`` of the same size, on a CPU.

    python benchmarks/rfdetr_speed.py --sizes nano medium --rfdetr-python /path/to/its/bin/python

``rfdetr`` has no pose models: posekit's do more. Both take turns, picture by picture, in one run; what counts is
processor time. Where a process happens to lie in memory makes up to 7 % of its time, so both are started ``--starts``
times. Give ``--rfdetr-preload`` where its environment needs a module imported first.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from posekit.version import __version__

WORKER = Path(__file__).with_name("rfdetr_worker.py")
WARM_UP = 2


class Tool:
    """A process that predicts when it is asked to."""

    def __init__(self, python: str, name: str, size: str, options: argparse.Namespace, preload: str = "") -> None:
        start = f"import runpy, sys; sys.argv = {[str(WORKER), name, size, str(options.threads)]!r}; "
        start += f"import {preload}; " if preload else ""
        code = start + f"runpy.run_path({str(WORKER)!r}, run_name='__main__')"
        self._process = subprocess.Popen(
            [python, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.answers: list[dict[str, float]] = []

    def ask(self) -> dict[str, Any]:
        """Have it predict once; return what it measured."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def compare(size: str, options: argparse.Namespace) -> None:
    """Print the rows of one size."""
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(options.starts):
        for answers, more in zip((ours, theirs), answers_of_one_start(size, options), strict=True):
            answers += more
    for part in ("forward", "predict"):
        a, b = ([answer[part] for answer in answers] for answers in (ours, theirs))
        ratio = statistics.median(one / other for one, other in zip(a, b, strict=True))
        cells = f"{statistics.median(a):.0f} | {statistics.median(b):.0f} | {ratio:.2f} | {min(a) / min(b):.2f}"
        print(f"| {size} | {part}, ms | {cells} |")
    a, b = (max(answer["memory"] for answer in answers) for answers in (ours, theirs))
    print(f"| {size} | memory, MiB | {a:.0f} | {b:.0f} | {a / b:.2f} | |")


def answers_of_one_start(size: str, options: argparse.Namespace) -> tuple[list[dict[str, float]], ...]:
    """Start both tools, let them take turns, and return what each measured."""
    ours = Tool(sys.executable, "posekit", size, options)
    theirs = Tool(options.rfdetr_python, "rfdetr", size, options, options.rfdetr_preload)
    for turn in range(WARM_UP + options.rounds):
        for tool in (ours, theirs):
            answer = tool.ask()
            if turn >= WARM_UP:
                tool.answers.append(answer)
    for tool in (ours, theirs):
        tool.close()
    return ours.answers, theirs.answers


def main() -> None:
    """Parse arguments, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=["nano", "small", "medium"], default=["nano", "medium"])
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=10, help="turns of each start")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rfdetr-python", required=True, help="interpreter of an environment that has rfdetr")
    parser.add_argument("--rfdetr-preload", default="", help="module to import there first")
    options = parser.parse_args()
    print(f"posekit {__version__}, {options.threads} threads, {options.starts} starts of {options.rounds} rounds")
    print("| size | | posekit | rfdetr | median of ratios | ratio of minima |\n|---|---|---:|---:|---:|---:|")
    for size in options.sizes:
        compare(size, options)


if __name__ == "__main__":
    main()
