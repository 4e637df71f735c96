"""Run a PaddlePaddle network: imported beside posekit, or a script of its own in another interpreter.

As a script it takes the folder as its argument, reads arrays from standard input and answers on standard output (see
`main`). It imports nothing of posekit.
"""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

NETWORKS = ("model.json", "model.pdmodel")
WEIGHTS = "model.pdiparams"
# What gives an array for each output, by number, for images (B, 3, H, W) in [0, 1].
Run = Callable[[NDArray[Any]], dict[str, NDArray[Any]]]


def open_file(path: Path, device: str = "cpu") -> Run:
    """Return what runs a folder with a network on "cpu" or a GPU such as "cuda:0".

    Raises:
        ImportError: paddle is not installed.
        FileNotFoundError: the folder lacks the network or its weights.
        RuntimeError: paddle does not take them.
    """
    from paddle import inference

    network = next((path / name for name in NETWORKS if (path / name).is_file()), None)
    if network is None or not (path / WEIGHTS).is_file():
        raise FileNotFoundError(f"{path} lacks {' or '.join(NETWORKS)}, or {WEIGHTS}")
    config = inference.Config(str(network), str(path / WEIGHTS))
    config.disable_glog_info()
    # With oneDNN, which is on, networks with attributes of several numbers cannot be run.
    config.disable_mkldnn()
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if threads.isdecimal() and int(threads):
        config.set_cpu_math_library_num_threads(int(threads))
    if device != "cpu":
        config.enable_use_gpu(256, int(device.partition(":")[2] or 0))
    predictor = inference.create_predictor(config)
    given = predictor.get_input_handle(predictor.get_input_names()[0])
    outputs = [predictor.get_output_handle(name) for name in predictor.get_output_names()]  # names are lost, not order

    def run(images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        given.copy_from_cpu(images)
        predictor.run()
        return {str(number): output.copy_to_cpu() for number, output in enumerate(outputs)}

    return run


def write_array(stream: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array to a pipe."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    stream.write(len(buffer.getvalue()).to_bytes(8, "little") + buffer.getvalue())
    stream.flush()


def read_array(stream: BinaryIO) -> NDArray[Any] | None:
    """Return the next array of a pipe; None when whoever writes has ended."""
    size = int.from_bytes(stream.read(8), "little")
    return np.load(io.BytesIO(stream.read(size)), allow_pickle=False) if size else None


def main() -> None:
    """Answer each array with a line, the numbers of the outputs as JSON, and the outputs; end with the input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what PaddlePaddle prints is no answer
    run = open_file(Path(sys.argv[1]))
    answers.write(b"ready\n")
    answers.flush()
    while (images := read_array(sys.stdin.buffer)) is not None:
        outputs = run(images)
        answers.write(json.dumps(list(outputs)).encode() + b"\n")
        for array in outputs.values():
            write_array(answers, array)


if __name__ == "__main__":
    main()
