"""Convert an ONNX file to TensorFlow: a script of its own, without posekit.

Its one argument is a JSON table: ``onnx``, ``target``, ``format`` (saved_model, pb, tfjs, edgetpu), ``outputs`` (their
names in order), ``strict`` (whether onnx2tf tries out all orders of axes and keeps the exact one, which takes many
gigabytes where all boxes are compared with each other, and many minutes for transformers), and for the Edge TPU
``pictures``, an .npy file (N, H, W, 3) to calibrate on. Inputs become (B, H, W, 3), outputs stay as they are in ONNX,
in shape, name and order.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_USE_LEGACY_KERAS": "1"}

import numpy as np
import onnx
import onnx2tf
import onnxruntime
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.grappler import tf_optimizer

INPUT = "images"
TOLERANCE, MOST_OFF = 1e-3, 0.05
SHARD_BYTES = 4 * 1024 * 1024
# onnx2tf fetches this file where it does not find it.
SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"
SIMPLIFICATIONS = ["pruning", "constfold", "arithmetic", "dependency", "pruning", "constfold", "dependency"]


def as_function(path: str, names: list[str], *, plain_groups: bool, strict: bool) -> Any:
    """Return the network of an ONNX file as a concrete function from images to outputs by name."""
    np.save(SAMPLES, np.random.default_rng(0).random((20, 128, 128, 3), np.float32))
    network = onnx2tf.convert(
        input_onnx_file_path=path, not_use_onnxsim=True, disable_model_save=True, non_verbose=True,
        disable_strict_mode=not strict, disable_group_convolution=plain_groups,
    )  # fmt: skip
    graph = onnx.load(path).graph
    shapes = {one.name: [size.dim_value for size in one.type.tensor_type.shape.dim] for one in graph.output}
    size = [size.dim_value for size in graph.input[0].type.tensor_type.shape.dim]

    def run(images: tf.Tensor) -> dict[str, tf.Tensor]:
        found = network(images)
        found = found if isinstance(found, list | tuple) else [found]
        return {name: as_in_onnx(one, shapes[name], name) for name, one in zip(names, found, strict=True)}

    made = tf.function(run).get_concrete_function(tf.TensorSpec((size[0], size[2], size[3], size[1]), tf.float32))
    compare(made, path, size, names)
    return made


def compare(function: Any, path: str, size: list[int], names: list[str]) -> None:
    """Refuse a network that onnx2tf got wrong, as it does for some input sizes: not all of these files are run later.

    Raises:
        ValueError: many values are off by more than a thousandth of the largest; those of last ranks may be.
    """
    images = np.random.default_rng(1).random(size, np.float32)
    found = function(tf.constant(images.transpose(0, 2, 3, 1)))
    wanted = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(names, {INPUT: images})
    for name, value in zip(names, wanted, strict=True):
        off = np.abs(np.sort(found[name].numpy(), 1) - np.sort(value, 1))  # sorted: ranks of like scores may differ
        if not (off > TOLERANCE * max(float(np.abs(value).max()), 1)).mean() <= MOST_OFF:
            raise ValueError(
                f"onnx2tf makes another network of this one: {name} is {off.max():.3g} off at {size[2]} x {size[3]} "
                "pixels; another imgsz, such as a square, helps"
            )


def as_in_onnx(value: tf.Tensor, shape: list[int], name: str) -> tf.Tensor:
    """Return an output with its axes in the order of ONNX: onnx2tf moves the channels of maps to the end."""
    found = list(value.shape)
    if found != shape and len(shape) == 4 and found == [shape[0], shape[2], shape[3], shape[1]]:
        return tf.transpose(value, (0, 3, 1, 2))
    if found != shape:
        raise ValueError(f"{name} came out with the shape {found} in place of {shape}")
    return value


def as_graph(function: Any, names: list[str]) -> MetaGraphDef:
    """Return a graph with the weights in it, whose nodes have the names of input and outputs."""
    frozen = convert_variables_to_constants_v2(function)
    outputs = dict(zip(sorted(names), frozen.outputs, strict=True))  # of dictionaries they come sorted
    with tf.Graph().as_default() as graph:
        images = tf.compat.v1.placeholder(tf.float32, frozen.inputs[0].shape, name=INPUT)
        found = tf.graph_util.import_graph_def(
            frozen.graph.as_graph_def(), {frozen.inputs[0].name: images}, [outputs[name].name for name in names],
            name="network",
        )  # fmt: skip
        named = {name: tf.identity(value, name=name) for name, value in zip(names, found, strict=True)}
        # What is left of the input before is dropped.
        needed = tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), names)
        made = MetaGraphDef(graph_def=needed)
        tensors = {name: tf.compat.v1.saved_model.build_tensor_info(value) for name, value in named.items()}
        given = {INPUT: tf.compat.v1.saved_model.build_tensor_info(images)}
        signature = tf.compat.v1.saved_model.build_signature_def(given, tensors, "predict")
        made.signature_def["serving_default"].CopyFrom(signature)
    return made


def as_module(graph: MetaGraphDef, names: list[str]) -> tf.Module:
    """Return a graph as a module with the function `run`."""

    def run(images: tf.Tensor) -> dict[str, tf.Tensor]:
        given, wanted = {INPUT: images}, [f"{name}:0" for name in names]
        return dict(zip(names, tf.graph_util.import_graph_def(graph.graph_def, given, wanted, name=""), strict=True))

    shape = graph.signature_def["serving_default"].inputs[INPUT].tensor_shape
    module = tf.Module()
    module.run = tf.function(run, [tf.TensorSpec(tf.TensorShape(shape), tf.float32, name=INPUT)])
    return module


def write_tfjs(graph: MetaGraphDef, folder: Path) -> None:
    """Write a graph as TensorFlow.js reads it: nodes as JSON, constants in shards beside it."""
    config = ConfigProto()
    config.graph_options.rewrite_options.optimizers.extend(SIMPLIFICATIONS)
    simple = tf_optimizer.OptimizeGraph(config, graph, verbose=False)
    described, weights = [], bytearray()
    for node in simple.node:
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            value = tf.make_ndarray(tensor)
            if value.dtype == np.int64:  # "to the end" is the largest number, which would turn negative
                value = value.clip(-(2**31), 2**31 - 1)
            kind = "bool" if value.dtype == np.bool_ else "float32" if value.dtype.kind == "f" else "int32"
            described.append({"name": node.name, "shape": list(value.shape), "dtype": kind})
            weights += value.astype(kind).tobytes()
            tensor.CopyFrom(TensorProto(dtype=tensor.dtype, tensor_shape=tensor.tensor_shape))
    folder.mkdir()
    count = max(1, -(-len(weights) // SHARD_BYTES))
    paths = [f"group1-shard{number + 1}of{count}.bin" for number in range(count)]
    for number, path in enumerate(paths):
        (folder / path).write_bytes(weights[number * SHARD_BYTES : (number + 1) * SHARD_BYTES])
    model = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": "posekit",
        "signature": MessageToDict(graph.signature_def["serving_default"]),
        "modelTopology": MessageToDict(simple),
        "weightsManifest": [{"paths": paths, "weights": described}],
    }
    (folder / "model.json").write_text(json.dumps(model))


def whole_numbers(module: tf.Module, pictures: str) -> bytes:
    """Return a LiteRT file that computes in 8 bits from input to outputs, calibrated on pictures (N, H, W, 3)."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.run.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[None]] for picture in np.load(pictures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def main() -> None:
    """Convert as the argument says."""
    wanted = json.loads(sys.argv[1])
    target, names, form = Path(wanted["target"]), wanted["outputs"], wanted["format"]
    try:
        function = as_function(wanted["onnx"], names, plain_groups=form == "tfjs", strict=wanted["strict"])
    except ValueError:  # the quick way guesses orders of axes, and sometimes wrongly
        if wanted["strict"]:
            raise
        function = as_function(wanted["onnx"], names, plain_groups=form == "tfjs", strict=True)
    graph = as_graph(function, names)
    if form == "saved_model":
        module = as_module(graph, names)
        tf.saved_model.save(module, str(target), signatures=module.run)
    elif form == "pb":
        target.write_bytes(graph.graph_def.SerializeToString())
    elif form == "tfjs":
        write_tfjs(graph, target)
    else:
        target.write_bytes(whole_numbers(as_module(graph, names), wanted["pictures"]))


if __name__ == "__main__":
    main()
