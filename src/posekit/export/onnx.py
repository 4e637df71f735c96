"""ONNX: traced by the exporter of PyTorch, slimmed, checked; with 8 bits, its layers between the ends are quantised."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch

from posekit.config.settings import ExportSettings
from posekit.errors import SettingError
from posekit.export.int8 import FIRST_LAYERS, LAST_LAYERS, nearest_layers
from posekit.models.contract import Deployed
from posekit.sample import Floats

INPUT: Final = "images"

# Layers with weights. What lies between them (activations, decoding) stays in 32 bits.
WEIGHTED: Final = ("Conv", "ConvTranspose", "MatMul", "Gemm")
DYNAMO_OPSET: Final = 18  # the first that the exporter of today writes
LEAST_OPSET: Final = 13  # the first with scales per channel


def write_onnx(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`."""
    if settings.precision != 8:
        trace_onnx(deployed, target, opset=settings.opset, simplify=settings.simplify)
        return
    if settings.opset is not None and settings.opset < LEAST_OPSET:
        raise SettingError(f"opset={settings.opset}: int8=True takes opset={LEAST_OPSET} or newer")
    with TemporaryDirectory(prefix="posekit-") as folder:
        source = Path(folder) / "float.onnx"
        trace_onnx(deployed, source, opset=settings.opset, simplify=settings.simplify)
        quantize_onnx(source, target, pictures)


def trace_onnx(deployed: Deployed, target: Path, *, opset: int | None, simplify: bool, dynamo: bool = True) -> None:
    """Write the graph of a network as ONNX, with all weights in the file.

    Args:
        deployed: the network.
        target: the file.
        opset: set of operators; None takes that of the exporter.
        simplify: whether nodes are joined that can be.
        dynamo: whether the exporter of today is used; converters to other formats know the graphs of the older one.
            It serves sets of operators before 18, too, which the one of today does not write.
    """
    facts = deployed.facts
    example = torch.zeros(max(facts.batch, 2 if facts.dynamic else 1), 3, *facts.imgsz)
    options: dict[str, Any] = {"dynamo": dynamo and (opset is None or opset >= DYNAMO_OPSET)}
    if options["dynamo"]:
        options |= {"external_data": False, "verbose": False}
    if facts.dynamic and options["dynamo"]:
        free = torch.export.Dim.DYNAMIC
        options["dynamic_shapes"] = ({0: free, 2: free, 3: free} if facts.any_size else {0: free},)
    elif facts.dynamic:
        sides = {2: "height", 3: "width"} if facts.any_size else {}
        options["dynamic_axes"] = {INPUT: {0: "batch"} | sides} | {name: {0: "batch"} for name in facts.outputs}
    torch.onnx.export(
        deployed.module, (example,), str(target), input_names=[INPUT], output_names=list(facts.outputs),
        opset_version=opset, **options,
    )  # fmt: skip
    if simplify:
        import onnx
        import onnxslim

        onnx.save(onnxslim.slim(str(target)), str(target))


def quantize_onnx(source: Path, target: Path, pictures: Sequence[Floats], *, symmetric: bool = False) -> None:
    """Write an ONNX file with 8-bit weights per channel and 8-bit inputs of its layers, as pairs of Q and DQ nodes.

    Ranges are means over pictures of the smallest and the largest value: extremes of single pictures would make all
    steps coarse. Activations are unsigned, which is twice as fast in ONNX Runtime on x86;
    `symmetric` ones are signed, with 0 as their middle and biases as they are, as TensorRT wants them.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            self._items = iter(pictures)

        def get_next(self) -> dict[str, Floats] | None:
            item = next(self._items, None)
            return None if item is None else {INPUT: item}

    model = onnx.load(str(source))
    layers = _layers(model.graph)
    options = {"CalibMovingAverage": True}
    if symmetric:
        options |= {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}
    quantize_static(
        str(source), str(target), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8, weight_type=QuantType.QInt8,
        op_types_to_quantize=list(WEIGHTED), nodes_to_quantize=sorted(layers - _ends(model.graph, layers)),
        extra_options=options,
    )  # fmt: skip


def _layers(graph: Any) -> set[str]:
    """Return the names of the nodes with weights; products of two maps, as in attention, have none."""
    weights = {tensor.name for tensor in graph.initializer}
    return {node.name for node in graph.node if node.op_type in WEIGHTED and node.input[1] in weights}


def _ends(graph: Any, layers: set[str]) -> set[str]:
    """Return the names of the layers next to the input and the outputs."""
    makers = {name: node.name for node in graph.node for name in node.output}
    before = {node.name: [makers[name] for name in node.input if name in makers] for node in graph.node}
    after: dict[str, list[str]] = {}
    for reader, made in before.items():
        for maker in made:
            after.setdefault(maker, []).append(reader)
    readers = [node.name for node in graph.node if INPUT in node.input]
    _, first = nearest_layers(readers, after, layers, FIRST_LAYERS)
    _, last = nearest_layers([makers[value.name] for value in graph.output], before, layers, LAST_LAYERS)
    return first | last
