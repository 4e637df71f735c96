"""Run a SavedModel or a TensorFlow graph for another process: a script of its own, without posekit.

Its argument is the path. It says ``ready`` in a first message, then answers each message with images (B, 3, H, W) in
[0, 1] by one with the outputs by name. A message is its length in 8 bytes, and an .npz file of arrays.
"""

import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

Arrays = dict[str, NDArray[Any]]
METADATA_NODE = "posekit_metadata"


def open_saved_model(path: Path) -> Callable[[NDArray[Any]], Arrays]:
    """Return what runs a folder with a SavedModel."""
    module = tf.saved_model.load(str(path))
    function = module.signatures["serving_default"]
    ((name, given),) = function.structured_input_signature[1].items()

    def run(images: NDArray[Any], module: Any = module) -> Arrays:  # what it holds lives as long as the module does
        found = function(**{name: tf.constant(placed(images, given.shape))})
        return {key: value.numpy() for key, value in found.items()}

    return run


def open_graph(path: Path) -> Callable[[NDArray[Any]], Arrays]:
    """Return what runs a file with a graph: from its placeholder to all nodes that no other reads."""
    described = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    inner = {name.split(":")[0].removeprefix("^") for node in described.node for name in node.input}
    inner |= {METADATA_NODE, *(node.name for node in described.node if node.op == "Placeholder")}
    names = [node.name for node in described.node if node.name not in inner]
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(described, name="")
    given = next(graph.get_tensor_by_name(f"{node.name}:0") for node in described.node if node.op == "Placeholder")
    # Remapping fuses matrix products of transformers with what follows, with wrong results.
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.remapping = RewriterConfig.OFF
    session = tf.compat.v1.Session(graph=graph, config=config)

    def run(images: NDArray[Any]) -> Arrays:
        found = session.run([f"{name}:0" for name in names], {given: placed(images, given.shape)})
        return dict(zip(names, found, strict=True))

    return run


def placed(images: NDArray[Any], shape: Any) -> NDArray[Any]:
    """Return images (B, 3, H, W) with the axes of an input, which may have its channels at the end."""
    return images if shape[1] == images.shape[1] else np.ascontiguousarray(images.transpose(0, 2, 3, 1))


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
    os.dup2(2, 1)  # what TensorFlow prints is no answer
    path = Path(sys.argv[1])
    run = open_saved_model(path) if path.is_dir() else open_graph(path)
    write(answers, {"ready": np.ones(1)})
    while size := int.from_bytes(sys.stdin.buffer.read(8), "little"):
        with np.load(io.BytesIO(sys.stdin.buffer.read(size))) as message:
            images = message["images"]
        write(answers, run(images))


if __name__ == "__main__":
    main()
