"""Runs in the reference's own environment: predicts pictures named on standard input, answers with times and rows.

A process of its own, so that nothing of the reference is imported where posekit runs.
"""

import importlib
import json
import sys
import time


def main() -> None:
    """Read one JSON request a line, write one JSON answer a line."""
    start = json.loads(sys.stdin.readline())
    answers, sys.stdout = sys.stdout, sys.stderr  # its own messages must not mix with the answers
    if start["preload"]:
        importlib.import_module(start["preload"])
    model = importlib.import_module("ultralytics").YOLO(start["model"])
    for line in sys.stdin:
        request = json.loads(line)
        begin = time.perf_counter()
        result = model.predict(request["path"], verbose=False, device="cpu", **request["settings"])[0]
        whole = (time.perf_counter() - begin) * 1e3
        keypoints = [] if result.keypoints is None else result.keypoints.data.tolist()
        answers.write(json.dumps({"whole": whole, "boxes": result.boxes.data.tolist(), "keypoints": keypoints}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
