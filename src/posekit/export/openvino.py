"""OpenVINO: converted from the module itself, without ONNX in between."""

from collections.abc import Sequence
from pathlib import Path

import torch

from posekit.config.settings import ExportSettings
from posekit.models.contract import Deployed
from posekit.sample import Floats


def write_openvino(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; 16 bits halve the file, and the arithmetic stays in 32."""
    import openvino

    facts = deployed.facts
    size = [-1, -1] if facts.any_size else list(facts.imgsz)
    example = torch.zeros(max(facts.batch, 2 if facts.dynamic else 1), 3, *facts.imgsz)
    shape = [-1 if facts.dynamic else facts.batch, 3, *size]
    with torch.no_grad():
        model = openvino.convert_model(deployed.module, example_input=example, input=shape)
    model.inputs[0].get_tensor().set_names({"images"})
    for output, name in zip(model.outputs, facts.outputs, strict=True):
        output.get_tensor().set_names({name})
    target.mkdir()
    stem = target.name.removesuffix("_openvino_model")
    openvino.save_model(model, target / f"{stem}.xml", compress_to_fp16=settings.precision == 16)
