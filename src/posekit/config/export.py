"""Settings of the modes export and benchmark."""

from dataclasses import dataclass
from typing import ClassVar

from posekit.config.field import again, setting
from posekit.config.kinds import Choice, Either, Flag, Number, Optionally, Whole
from posekit.config.shared import DataSettings, DetectionSettings, RunSettings

FORMATS = (
    "torchscript", "onnx", "openvino", "engine", "coreml", "saved_model",
    "pb", "tflite", "edgetpu", "tfjs", "paddle", "ncnn",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ExportSettings(RunSettings):
    """What `export` takes."""

    command: ClassVar[str] = "export"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    format: str = setting("torchscript", Choice(FORMATS), "kind of file to write")
    dynamic: bool = setting(False, Flag(), "let the exported network take other sizes and batches")
    simplify: bool = setting(True, Flag(), "simplify the graph")
    opset: int | None = setting(None, Optionally(Whole(1)), "ONNX operator set; none: the exporter's own")
    workspace: float | None = setting(None, Optionally(Number(0)), "memory that TensorRT may use", "GiB")
    optimize: bool = setting(False, Flag(), "optimise for the target")
    nms: bool | None = again(DetectionSettings, "nms", default=None)
    data: str | None = again(DataSettings, "data", default=None)
    fraction: float | int | tuple[float | int, ...] = again(DataSettings, "fraction", default=1.0)


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings(RunSettings):
    """What `benchmark` takes."""

    command: ClassVar[str] = "benchmark"

    batch: int = again(RunSettings, "batch", default=1, kind=Whole(1))
    data: str | None = again(DataSettings, "data", default=None)
    format: str | None = again(ExportSettings, "format", default=None, kind=Optionally(Choice(FORMATS)))
    verbose: bool | float = again(  # type: ignore[assignment]  # wider here: a number is a pass mark
        RunSettings, "verbose", default=True, kind=Either(Flag(), Number(0, 1))
    )
