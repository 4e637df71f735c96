"""LiteRT (TensorFlow Lite): converted from the module itself, without TensorFlow and without ONNX in between."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from posekit.config.settings import ExportSettings
from posekit.export.int8 import LAST_LAYERS, nearest_layers
from posekit.models.contract import Deployed
from posekit.sample import Floats

WEIGHTED: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def write_tflite(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; the input stays (B, 3, H, W), and 16 bits are those of the weights only."""
    import litert_torch

    facts = deployed.facts
    module = deployed.module.float()  # weights that were rounded to 16 bits stay so
    litert_torch.convert(module, (torch.zeros(facts.batch, 3, *facts.imgsz),)).export(str(target))
    if settings.precision == 16:
        halve_weights(target)
    elif settings.precision == 8:
        quantize_tflite(target)


def halve_weights(target: Path) -> None:
    """Store the weights of a LiteRT file in 16 bits; they become 32 again when it is loaded."""
    from ai_edge_quantizer import algorithm_manager, qtyping, quantizer

    made = quantizer.Quantizer(str(target))
    made.add_weight_only_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        num_bits=16,
        algorithm_key=algorithm_manager.AlgorithmName.FLOAT_CASTING,
    )
    target.write_bytes(made.quantize().quantized_model)


def quantize_tflite(target: Path) -> None:
    """Store the weights of a LiteRT file in 8 bits, but for the last layers.

    Inputs of layers become 8 bits as well while it runs, by their own range each time, so no pictures are needed.
    Fixed ranges lose 0.02 of keypoint AP, this 0.008; 16 bits between 8-bit weights are 30 times slower.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    from ai_edge_quantizer import algorithm_manager, qtyping, quantizer

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # without them, operators are those of the file
    interpreter = Interpreter(model_path=str(target), experimental_op_resolver_type=plain)
    made = quantizer.Quantizer(str(target))
    every = qtyping.TFLOperationName.ALL_SUPPORTED
    made.add_dynamic_config(regex=".*", operation_name=every, num_bits=8)
    for name in _last_names(interpreter):
        made.update_quantization_recipe(
            regex=f"^{re.escape(name)};",
            operation_name=every,
            algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE,
        )
    target.write_bytes(made.quantize().quantized_model)


def _last_names(interpreter: Any) -> list[str]:
    """Return the names of the tensors that the last layers, and what lies behind them, give."""
    operators = {f"{number}": one for number, one in enumerate(interpreter._get_ops_details())}  # nothing public tells
    makers = {int(tensor): name for name, one in operators.items() for tensor in one["outputs"]}
    before = {
        name: [makers[int(tensor)] for tensor in one["inputs"] if int(tensor) in makers]
        for name, one in operators.items()
    }
    layers = {name for name, one in operators.items() if one["op_name"] in WEIGHTED}
    outputs = [makers[int(output["index"])] for output in interpreter.get_output_details()]
    between, last = nearest_layers(outputs, before, layers, LAST_LAYERS)
    names = {int(tensor["index"]): tensor["name"] for tensor in interpreter.get_tensor_details()}
    return [names[int(operators[name]["outputs"][0])] for name in sorted(between | last, key=int)]
