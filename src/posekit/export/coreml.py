"""Core ML: an ML program for devices of Apple, converted from the traced module; written on every system."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from posekit.config.settings import ExportSettings
from posekit.models.contract import Deployed
from posekit.sample import Floats

# The parts whose values are features, for which 16 bits suffice. What makes places of them stays in 32: pixels beyond
# 1024 would be whole numbers, and queries would change their ranks.
NARROW: Final = frozenset({"YoloNetwork", "FlatBackbone"})


def write_coreml(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; 16 and 8 bits compute features in 16, and all else in 32.

    With 8 bits it is the weights that are stored so: linear, symmetric, one scale per channel.
    """
    import coremltools

    facts = deployed.facts
    shape = (facts.batch, 3, *facts.imgsz)
    with torch.no_grad():
        module = deployed.module.float()
        program = torch.jit.trace(module, (torch.zeros(shape),), check_trace=False)  # type: ignore[no-untyped-call]
    precision = coremltools.precision.FLOAT32
    if settings.precision != 32:
        precision = coremltools.transform.FP16ComputePrecision(op_selector=_makes_features)
    model = coremltools.convert(
        program,
        convert_to="mlprogram",
        inputs=[coremltools.TensorType(name="images", shape=shape, dtype=np.float32)],
        outputs=[coremltools.TensorType(name=name, dtype=np.float32) for name in facts.outputs],
        compute_precision=precision,
        minimum_deployment_target=coremltools.target.iOS16,
        skip_model_load=True,
    )
    if settings.precision == 8:
        coder = coremltools.optimize.coreml
        rule = coder.OptimizationConfig(global_config=coder.OpLinearQuantizerConfig(mode="linear"))
        model = coder.linear_quantize_weights(model, rule)
    model.short_description = f"{facts.task} by posekit: {', '.join(facts.outputs)} ({facts.layout}, {facts.unit})"
    model.input_description["images"] = f"RGB {shape}, 0 to 1, {facts.placing}"
    model.license = facts.license or ""
    model.save(str(target))


def _makes_features(operation: Any) -> bool:
    """Return whether an operation belongs to a part in `NARROW`."""
    from coremltools.converters.mil.mil.scope import ScopeSource

    modules = operation.scopes.get(ScopeSource.TORCHSCRIPT_MODULE_TYPE, ())
    return bool(modules) and modules[0] in NARROW
