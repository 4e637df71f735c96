"""What runtimes tell of the inputs and outputs of a file: names and shapes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from posekit.errors import CheckpointError, MissingExtraError
from posekit.log import one_line
from posekit.models.exported.facts import Size
from posekit.models.exported.sessions import import_openvino


@dataclass(frozen=True)
class Port:
    """An input or output.

    Attributes:
        name: in the file; "output0", "output1", ... where the format has none.
        shape: None for what is free.
    """

    name: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Ports:
    """All inputs and outputs of a file, in its order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


# Returns the ports of a file; the input size is for formats that have to be run for it, None where it is unknown.
Reader: TypeAlias = Callable[[Path, Size | None], Ports]


def read_onnx(path: Path, imgsz: Size | None) -> Ports:
    """Return the ports of an ONNX file.

    Raises:
        MissingExtraError: there is no ONNX Runtime.
        CheckpointError: the file is none, or takes something else than floating point numbers.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("ONNX files", "onnx", "onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the package raises classes of its own, without a common base
        raise CheckpointError(f"{path} cannot be opened by ONNX Runtime: {str(error).splitlines()[0]}") from error
    strange = [port.type for port in session.get_inputs() if port.type not in ("tensor(float)", "tensor(float16)")]
    strange += [f"[B, H, W, 3] ({port.name})" for port in session.get_inputs() if port.shape[-1:] == [3]]
    if strange:
        raise CheckpointError(f"{path} has inputs of {strange[0]}: posekit gives ONNX files floats [B, 3, H, W] only")
    return Ports(_ports(session.get_inputs()), _ports(session.get_outputs()))


def read_torchscript(path: Path, imgsz: Size | None) -> Ports:
    """Return the ports of a TorchScript program, which tells them only by running.

    Raises:
        CheckpointError: the file is none, or does not say its input size.
    """
    import torch

    if imgsz is None:
        raise CheckpointError(f"{path} does not say its imgsz: write {path}.yaml with it, such as imgsz: [640, 640]")
    try:
        program = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        with torch.inference_mode():
            outputs = program(torch.zeros(1, 3, *imgsz))
    except RuntimeError as error:
        raise CheckpointError(f"{path} is no TorchScript program for one picture of {list(imgsz)} pixels") from error
    outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
    if not isinstance(outputs, list | tuple) or not all(isinstance(output, torch.Tensor) for output in outputs):
        raise CheckpointError(f"{path} gives something else than tensors: posekit cannot read it")
    named = tuple(Port(f"output{index}", tuple(output.shape)) for index, output in enumerate(outputs))
    return Ports((Port("images", (1, 3, *imgsz)),), named)


def read_openvino(path: Path, imgsz: Size | None) -> Ports:
    """Return the ports of an OpenVINO folder.

    Raises:
        MissingExtraError: there is no OpenVINO.
        CheckpointError: it holds no network.
    """
    openvino = import_openvino("openvino")
    files = sorted(path.glob("*.xml"))
    if not files:
        raise CheckpointError(f"{path} holds no OpenVINO network (.xml): export it again")
    try:
        model = openvino.Core().read_model(files[0])
    except RuntimeError as error:
        raise CheckpointError(f"{path} cannot be opened by OpenVINO: {str(error).splitlines()[0]}") from error

    def ports(nodes: Any) -> tuple[Port, ...]:
        sides = [[None if axis.is_dynamic else axis.get_length() for axis in node.partial_shape] for node in nodes]
        return tuple(Port(f"output{index}", tuple(shape)) for index, shape in enumerate(sides))

    return Ports(ports(model.inputs), ports(model.outputs))


def read_tflite(path: Path, imgsz: Size | None) -> Ports:
    """Return the ports of a LiteRT file.

    Raises:
        MissingExtraError: there is no LiteRT.
        CheckpointError: the file is none, or takes whole numbers without saying what they stand for.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingExtraError("LiteRT files", "tflite", "ai_edge_litert") from error
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=1)
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be opened by LiteRT: {one_line(error)}") from error
    signatures = interpreter.get_signature_list()
    outputs = {output["name"]: output for output in interpreter.get_output_details()}
    if signatures:
        outputs = interpreter.get_signature_runner(next(iter(signatures))).get_output_details()
    inputs = {tensor["name"]: tensor for tensor in interpreter.get_input_details()}
    for name, tensor in (*inputs.items(), *outputs.items()):
        if np.issubdtype(tensor["dtype"], np.integer) and not tensor["quantization"][0]:
            raise CheckpointError(f"{path}: {name} holds whole numbers without a scale: posekit cannot tell their unit")

    def ports(tensors: Mapping[str, Any]) -> tuple[Port, ...]:
        sides = {name: tensor.get("shape_signature", tensor["shape"]) for name, tensor in tensors.items()}
        return tuple(
            Port(name, tuple(None if side < 0 else int(side) for side in shape)) for name, shape in sides.items()
        )

    return Ports(ports(inputs), ports(outputs))


def _ports(nodes: Any) -> tuple[Port, ...]:
    return tuple(
        Port(node.name, tuple(axis if isinstance(axis, int) else None for axis in node.shape)) for node in nodes
    )


# Formats in which files of other programs are read.
READERS: Final[dict[str, Reader]] = {
    "onnx": read_onnx,
    "tflite": read_tflite,
    "openvino": read_openvino,
    "torchscript": read_torchscript,
}
