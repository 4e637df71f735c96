"""SavedModel, GraphDef, TensorFlow.js and the Edge TPU: converted from ONNX by TensorFlow in another interpreter."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from posekit.config.settings import ExportSettings
from posekit.errors import ExportError, SettingError
from posekit.export.converter import CONVERTERS, run_converter
from posekit.export.onnx import trace_onnx
from posekit.models.contract import Deployed
from posekit.sample import Floats

REQUIREMENTS: Final = CONVERTERS / "tensorflow.txt"
SCRIPT: Final = CONVERTERS / "tensorflow_convert.py"
OPSET: Final = 17  # the highest that the exporter from before dynamo writes, whose graphs onnx2tf understands
COMPILER: Final = "edgetpu_compiler"


def write_saved_model(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; the input is (B, H, W, 3)."""
    _convert(deployed, settings, target)


def write_pb(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; the input is (B, H, W, 3)."""
    _convert(deployed, settings, target)


def write_tfjs(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; the input is (B, H, W, 3)."""
    _convert(deployed, settings, target)


def write_edgetpu(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; inputs (B, H, W, 3) and outputs are 8-bit numbers with a scale.

    Raises:
        SettingError: the program that compiles for the Edge TPU is not there.
        ExportError: it refused the network.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise SettingError(
            f"format=edgetpu needs the program {COMPILER}, which is not on PATH: Google gives it away for Linux at "
            "https://coral.ai/docs/edgetpu/compiler"
        )
    if settings.precision != 8:
        raise SettingError("format=edgetpu computes in 8 bits: pass int8=True, and data= to calibrate on")
    whole = target.with_name(target.name.removesuffix("_edgetpu.tflite") + ".tflite")
    calibration = target.with_name("calibration.npy")
    np.save(calibration, np.concatenate(pictures).transpose(0, 2, 3, 1))
    _convert(deployed, settings, whole, pictures=calibration)
    done = subprocess.run(
        [compiler, "-s", "-o", str(target.parent), str(whole)], capture_output=True, text=True, check=False
    )
    if done.returncode or not target.is_file():
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ExportError(f"format=edgetpu: {compiler} failed: {lines[-1] if lines else 'it says nothing'}")


def _convert(deployed: Deployed, settings: ExportSettings, target: Path, **more: Path) -> None:
    """Write the network as ONNX beside the target, and let TensorFlow make of it what the settings say."""
    graph = target.with_name(f"{target.name}.onnx")
    trace_onnx(deployed, graph, opset=OPSET, simplify=True, dynamo=False)
    facts = deployed.facts
    arguments = {
        "onnx": graph, "target": target, "format": settings.format, "outputs": list(facts.outputs),
        "strict": facts.iou is None and facts.layout != "queries", **more,
    }  # fmt: skip
    run_converter(settings.format, settings.converter_python, SCRIPT, arguments, REQUIREMENTS)
