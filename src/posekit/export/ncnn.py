"""ncnn: converted from the traced module by pnnx, for one picture of one size."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch

from posekit.config.settings import ExportSettings
from posekit.errors import ExportError
from posekit.models.contract import Deployed
from posekit.models.exported.sessions import NCNN_PARAM, lacking_layers
from posekit.sample import Floats

NCNN_BIN: Final = NCNN_PARAM.replace(".param", ".bin")


def write_ncnn(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; 16 bits halve the file, and decide how processors with such units compute.

    The module keeps computing in 32 bits: pnnx rounds the weights.
    """
    import pnnx

    module = deployed.module.float()
    with TemporaryDirectory(prefix="posekit-") as folder, torch.no_grad():
        traced = Path(folder) / "model.pt"
        example = torch.zeros(1, 3, *deployed.facts.imgsz)
        program = torch.jit.trace(module, (example,), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(program, str(traced))
        target.mkdir()
        param, weights = target / NCNN_PARAM, target / NCNN_BIN
        sides = ",".join(map(str, example.shape))
        # Not by the function of the package: it goes on to import a Python file that it wrote.
        done = subprocess.run(
            [pnnx.EXEC_PATH, str(traced), f"inputshape=[{sides}]f32", f"fp16={int(settings.half)}",
             f"ncnnparam={param.absolute()}", f"ncnnbin={weights.absolute()}"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    for file in target.iterdir():
        if file not in (param, weights):
            file.unlink()
    if done.returncode or not param.is_file() or not weights.is_file():
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        raise ExportError(f"format=ncnn: pnnx ended with status {done.returncode}: {lines[-1] if lines else 'no word'}")
    lacking = lacking_layers(param)
    if lacking:
        raise ExportError(f"format=ncnn: the runtime has no {', '.join(lacking)}, which this network takes")
