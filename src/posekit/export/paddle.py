"""PaddlePaddle: converted from ONNX by x2paddle, in an interpreter of its own."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from posekit.config.settings import ExportSettings
from posekit.export.converter import CONVERTERS, interpreter, run_converter
from posekit.export.onnx import trace_onnx
from posekit.models.contract import Deployed
from posekit.sample import Floats

REQUIREMENTS: Final = CONVERTERS / "paddle.txt"
SCRIPT: Final = CONVERTERS / "paddle_convert.py"
OPSET: Final = 15  # the last that x2paddle knows; normalisation of layers comes apart into what it has


def write_paddle(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`."""
    interpreter(settings.format, settings.converter_python, REQUIREMENTS)
    with TemporaryDirectory(prefix="posekit-") as folder:
        source = Path(folder) / "source.onnx"
        trace_onnx(deployed, source, opset=OPSET, simplify=True, dynamo=False)
        arguments = {"onnx": source, "target": target}
        run_converter(settings.format, settings.converter_python, SCRIPT, arguments, REQUIREMENTS)
