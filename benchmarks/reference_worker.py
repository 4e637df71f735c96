"""Runs in the reference's own environment: predicts, validates or trains as standard input says.

A process of its own, so that nothing of the reference is imported where posekit runs.
"""

import importlib
import json
import sys
import time
from typing import Any

# Events of a training whose times are told.
MARKS = ("on_train_epoch_start", "on_train_batch_start", "on_train_batch_end", "on_train_epoch_end")


def main() -> None:
    """Read one JSON request a line, write one JSON answer a line."""
    start = json.loads(sys.stdin.readline())
    answers, sys.stdout = sys.stdout, sys.stderr  # its own messages must not mix with the answers
    if start["preload"]:
        importlib.import_module(start["preload"])
    model = importlib.import_module("ultralytics").YOLO(start["model"])
    for line in sys.stdin:
        request = json.loads(line)
        if "train" in request:
            answer = train(model, request)
        else:
            answer = predict(model, request) if "path" in request else validate(model, request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def predict(model: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the milliseconds and the rows of one picture."""
    begin = time.perf_counter()
    result = model.predict(request["path"], verbose=False, device="cpu", **request["settings"])[0]
    whole = (time.perf_counter() - begin) * 1e3
    keypoints = [] if result.keypoints is None else result.keypoints.data.tolist()
    return {"whole": whole, "boxes": result.boxes.data.tolist(), "keypoints": keypoints}


def validate(model: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds and the scores of one validation."""
    begin = time.perf_counter()
    metrics = model.val(verbose=False, device="cpu", plots=False, **request["settings"])
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "scores": {key: float(value) for key, value in metrics.results_dict.items()}}


def train(model: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds of a training, the scores of its best weights, and when its batches began and ended."""
    marks: list[tuple[str, float]] = []
    for event in MARKS:
        model.add_callback(event, lambda loop, event=event: marks.append((event, time.perf_counter())))
    begin = time.perf_counter()
    metrics = model.train(device="cpu", **request["train"])
    seconds = time.perf_counter() - begin
    scores = {key: float(value) for key, value in metrics.results_dict.items()}
    return {"seconds": seconds, "scores": scores, "marks": marks}


if __name__ == "__main__":
    main()
