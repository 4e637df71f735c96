"""TorchScript: the network traced into a program that C++ runs without Python."""

from collections.abc import Sequence
from pathlib import Path

import torch

from posekit.config.settings import ExportSettings
from posekit.models.contract import Deployed
from posekit.sample import Floats


def write_torchscript(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; ``optimize`` freezes weights and folds operators for the machine at hand."""
    facts = deployed.facts
    example = torch.zeros(max(facts.batch, 2 if facts.dynamic else 1), 3, *facts.imgsz)
    with torch.no_grad():
        program = torch.jit.trace(deployed.module, example, check_trace=False)  # type: ignore[no-untyped-call]
        if settings.optimize:
            program = torch.jit.optimize_for_inference(torch.jit.freeze(program))
    torch.jit.save(program, str(target))
