"""OpenVINO: converted from the module itself, without ONNX in between; with 8 bits, quantised up to the last layers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from posekit.config.settings import ExportSettings
from posekit.errors import MissingExtraError
from posekit.export.int8 import LAST_LAYERS, nearest_layers
from posekit.models.contract import Deployed
from posekit.models.exported.sessions import import_openvino
from posekit.sample import Floats

WEIGHTED: Final = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")


def write_openvino(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; 16 bits halve the file, and the arithmetic stays in 32."""
    openvino = import_openvino("openvino")
    nncf = _import_nncf() if settings.precision == 8 else None
    facts = deployed.facts
    size = [-1, -1] if facts.any_size else list(facts.imgsz)
    example = torch.zeros(max(facts.batch, 2 if facts.dynamic else 1), 3, *facts.imgsz)
    shape = [-1 if facts.dynamic else facts.batch, 3, *size]
    with torch.no_grad():
        model = openvino.convert_model(deployed.module, example_input=example, input=shape)
    model.inputs[0].get_tensor().set_names({"images"})
    for output, name in zip(model.outputs, facts.outputs, strict=True):
        output.get_tensor().set_names({name})
    if nncf is not None:
        model = _quantized(model, nncf, pictures)
    target.mkdir()
    stem = target.name.removesuffix("_openvino_model")
    openvino.save_model(model, target / f"{stem}.xml", compress_to_fp16=settings.precision == 16)


def _import_nncf() -> Any:
    try:
        return import_openvino("nncf")
    except ImportError as error:
        raise MissingExtraError("format=openvino int8=True", "openvino", "nncf") from error


def _quantized(model: Any, nncf: Any, pictures: Sequence[Floats]) -> Any:
    """Return a network with 8-bit layers; the last ones, and decoding behind them, stay as they are."""
    nodes = model.get_ordered_ops()
    before = {
        node.get_friendly_name(): [value.get_node().get_friendly_name() for value in node.input_values()]
        for node in nodes
    }
    layers = {  # products of two maps, as in attention, have no weights
        node.get_friendly_name()
        for node in nodes
        if node.get_type_name() in WEIGHTED and any(_is_constant(value.get_node()) for value in node.input_values())
    }
    results = [node.get_friendly_name() for node in model.get_results()]
    between, last = nearest_layers(results, before, layers, LAST_LAYERS)
    return nncf.quantize(
        model,
        nncf.Dataset(pictures),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
        ignored_scope=nncf.IgnoredScope(names=sorted(between | last), validate=False),
    )


def _is_constant(node: Any) -> bool:
    """Return whether a node is a constant, if only behind conversions."""
    kind = node.get_type_name()
    return kind == "Constant" or (kind in ("Convert", "Reshape") and _is_constant(node.input_values()[0].get_node()))
