"""Run a PaddlePaddle network for another process: a script of its own, without posekit.

Its argument is the folder. It says ``ready`` in a first message, then answers each message with images (B, 3, H, W) in
[0, 1] by one with the outputs by number. A message is its length in 8 bytes, and an .npz file of arrays.
"""

import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from paddle import inference

Arrays = dict[str, NDArray[Any]]
NETWORKS = ("model.json", "model.pdmodel")
WEIGHTS = "model.pdiparams"


def open_folder(path: Path) -> Callable[[NDArray[Any]], Arrays]:
    """Return what runs a folder with a network, on the CPU."""
    network = next((path / name for name in NETWORKS if (path / name).is_file()), None)
    if network is None or not (path / WEIGHTS).is_file():
        raise FileNotFoundError(f"the folder lacks {' or '.join(NETWORKS)}, or {WEIGHTS}: export it again")
    config = inference.Config(str(network), str(path / WEIGHTS))
    config.disable_glog_info()
    config.disable_mkldnn()  # it is on, and fails of attributes that are several numbers
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if threads.isdecimal() and int(threads):
        config.set_cpu_math_library_num_threads(int(threads))
    predictor = inference.create_predictor(config)
    given = predictor.get_input_handle(predictor.get_input_names()[0])
    outputs = [predictor.get_output_handle(name) for name in predictor.get_output_names()]  # names are lost, not order

    def run(images: NDArray[Any]) -> Arrays:
        given.copy_from_cpu(np.ascontiguousarray(images))
        predictor.run()
        return {f"output_{number}": output.copy_to_cpu() for number, output in enumerate(outputs)}

    return run


def write(stream: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a message."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(buffer, **named)
    stream.write(len(buffer.getvalue()).to_bytes(8, "little") + buffer.getvalue())
    stream.flush()


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what PaddlePaddle prints is no answer
    run = open_folder(Path(sys.argv[1]))
    write(answers, {"ready": np.ones(1)})
    while size := int.from_bytes(sys.stdin.buffer.read(8), "little"):
        with np.load(io.BytesIO(sys.stdin.buffer.read(size))) as message:
            images = message["images"]
        write(answers, run(images))


if __name__ == "__main__":
    main()
