"""Run a SavedModel or a TensorFlow graph: imported beside posekit, or a script of its own in another interpreter.

As a script it takes the path as its argument, reads arrays from standard input and answers on standard output (see
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

METADATA_NODE = "posekit_metadata"
# What gives an array for each output, by name, for images (B, 3, H, W) in [0, 1].
Run = Callable[[NDArray[Any]], dict[str, NDArray[Any]]]


def open_file(path: Path) -> Run:
    """Return what runs a folder with a SavedModel, or a file with a graph, on the CPU."""
    return _open_saved_model(path) if path.is_dir() else _open_graph(path)


def _open_saved_model(path: Path) -> Run:
    import tensorflow as tf

    module = tf.saved_model.load(str(path))
    function = module.signatures["serving_default"]
    ((name, given),) = function.structured_input_signature[1].items()

    def run(images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        with tf.device("/CPU:0"):
            found = function(**{name: tf.constant(_placed(images, given.shape))})
        return {key: value.numpy() for key, value in found.items()}

    run.module = module  # type: ignore[attr-defined]  # its variables live as long as it does
    return run


def _open_graph(path: Path) -> Run:
    import tensorflow as tf
    from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

    described = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    read = {name.split(":")[0].removeprefix("^") for node in described.node for name in node.input}
    read |= {METADATA_NODE, *(node.name for node in described.node if node.op == "Placeholder")}
    names = [node.name for node in described.node if node.name not in read]
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(described, name="")
    given = next(graph.get_tensor_by_name(f"{node.name}:0") for node in described.node if node.op == "Placeholder")
    # Remapping fuses the products of transformers into others with wrong results.
    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    config.graph_options.rewrite_options.remapping = RewriterConfig.OFF
    session = tf.compat.v1.Session(graph=graph, config=config)

    def run(images: NDArray[Any]) -> dict[str, NDArray[Any]]:
        found = session.run([f"{name}:0" for name in names], {given: _placed(images, given.shape)})
        return dict(zip(names, found, strict=True))

    return run


def _placed(images: NDArray[Any], shape: Any) -> NDArray[Any]:
    """Return images (B, 3, H, W) with the axes of an input."""
    return images if shape[1] == images.shape[1] else np.ascontiguousarray(images.transpose(0, 2, 3, 1))


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
    """Answer each array with a line, the names of the outputs as JSON, and the outputs; end with the input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what TensorFlow prints is no answer
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
