"""LiteRT (TensorFlow Lite): converted from the module itself, without TensorFlow and without ONNX in between."""

from collections.abc import Sequence
from pathlib import Path

import torch

from posekit.config.settings import ExportSettings
from posekit.models.contract import Deployed
from posekit.sample import Floats


def write_tflite(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; the input stays (B, 3, H, W), and 16 bits are those of the weights only."""
    import litert_torch

    facts = deployed.facts
    module = deployed.module.float()  # weights that were rounded to 16 bits stay so
    litert_torch.convert(module, (torch.zeros(facts.batch, 3, *facts.imgsz),)).export(str(target))
    if settings.precision == 16:
        halve_weights(target)


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
