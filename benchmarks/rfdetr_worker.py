"""Predicts one picture again and again in the environment that it is started in, as standard input says.

    python benchmarks/rfdetr_worker.py posekit|rfdetr nano|small|medium THREADS

Each line of standard input is answered by one line of JSON: milliseconds of processor time of the network and of
``predict``, and the most memory so far in MiB. One class for both tools; random weights.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def model_of(tool: str, size: str) -> tuple[Any, torch.nn.Module, int]:
    """Return a model, its network and the side of its input."""
    if tool == "posekit":
        import posekit

        model = getattr(posekit, f"RFDETRPose{size.title()}")(pretrain_weights=None, device="cpu")
        return model, model.model.network, model.resolution
    import rfdetr

    model = getattr(rfdetr, f"RFDETR{size.title()}")(pretrain_weights=None, device="cpu")
    return model, model.model.model.eval(), model.model.resolution


def milliseconds(work: Callable[[], Any]) -> float:
    """Return the processor time of some work: it does not count what other programs take."""
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1e3


def main() -> None:
    """Answer until standard input ends."""
    tool, size, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    answers, sys.stdout = sys.stdout, sys.stderr  # messages of the tools must not mix with the answers
    model, network, side = model_of(tool, size)
    images = torch.rand(1, 3, side, side)
    picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    for _ in sys.stdin:
        with torch.inference_mode():
            forward = milliseconds(lambda: network(images))
        predict = milliseconds(lambda: model.predict(picture, threshold=0.5))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps({"forward": forward, "predict": predict, "memory": memory}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
