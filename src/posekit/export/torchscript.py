"""TorchScript: the network traced into a program that C++ runs without Python."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import torch

from posekit.config.settings import ExportSettings
from posekit.models.contract import Deployed
from posekit.sample import Floats


def write_torchscript(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; ``optimize`` makes weights constants and folds what can be folded."""
    facts = deployed.facts
    example = torch.zeros(max(facts.batch, 2 if facts.dynamic else 1), 3, *facts.imgsz)
    with torch.no_grad():
        program = torch.jit.trace(deployed.module, example, check_trace=False)  # type: ignore[no-untyped-call]
        if settings.optimize:
            # Not `optimize_for_inference`: files with what it makes cannot be loaded.
            program = torch.jit.freeze(program)
    # Through memory: where a disk is full, PyTorch's own writing of files ends the whole process.
    buffer = BytesIO()
    torch.jit.save(program, buffer)
    target.write_bytes(buffer.getbuffer())
