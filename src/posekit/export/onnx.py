"""ONNX: traced by the exporter of PyTorch, slimmed, checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from posekit.config.settings import ExportSettings
from posekit.models.contract import Deployed
from posekit.sample import Floats

INPUT: Final = "images"


def write_onnx(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`."""
    trace_onnx(deployed, target, opset=settings.opset, simplify=settings.simplify)


def trace_onnx(deployed: Deployed, target: Path, *, opset: int | None, simplify: bool) -> None:
    """Write the graph of a network as ONNX, with all weights in the file."""
    facts = deployed.facts
    example = torch.zeros(max(facts.batch, 2 if facts.dynamic else 1), 3, *facts.imgsz)
    shapes: Any = None
    if facts.dynamic:
        batch = torch.export.Dim.DYNAMIC
        axes = {0: batch, 2: batch, 3: batch} if facts.any_size else {0: batch}
        shapes = (axes,)
    torch.onnx.export(
        deployed.module, (example,), str(target), input_names=[INPUT], output_names=list(facts.outputs),
        opset_version=opset, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False,
    )  # fmt: skip
    if simplify:
        import onnx
        import onnxslim

        onnx.save(onnxslim.slim(str(target)), str(target))
