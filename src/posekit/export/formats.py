"""The formats that networks are exported to: what each takes, what brings its converter, what its graphs can hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from posekit.config.settings import ExportSettings
from posekit.errors import MissingExtraError, SettingError
from posekit.export.converter import CONVERTERS, interpreter
from posekit.models.exported.facts import Dialect

if TYPE_CHECKING:
    from posekit.models.contract import Deployed
    from posekit.sample import Floats

# Writes a network to a path; pictures (1, 3, H, W) in [0, 1] to calibrate on are there with 8 bits only.
Writer: TypeAlias = "Callable[[Deployed, ExportSettings, Path, Sequence[Floats]], None]"


FULL: Final = Dialect()
EVERY_RUN: Final = "written, run and validated by the tests"
OWN_ENVIRONMENT: Final = "written, run and validated by `benchmarks/export_round.py`, in its own environment"


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format.

    Attributes:
        name: as in ``format=``.
        title: what it is, and who runs it.
        ending: of the name of the file or folder, behind the stem of the weights.
        arguments: settings that have a meaning for it, besides those that all have.
        packages: modules that writing takes.
        extra: of posekit, which brings them.
        environment: the converter's own, where it cannot live beside posekit; "" where it can.
        dialect: what its graphs can hold.
        splits_8_bits: whether files with 8 bits have outputs of one range each, as some of its devices need.
        runs: whether posekit runs such files.
        checked: how it is known that what is written is right.
        only_8_bits: whether it has no other weights than those of 8 bits.
        no_queries: why networks of queries (RF-DETR) are not written in it; "" where they are.
    """

    name: str
    title: str
    ending: str
    arguments: frozenset[str]
    packages: tuple[str, ...] = ()
    extra: str = ""
    environment: str = ""
    dialect: Dialect = FULL
    splits_8_bits: bool = False
    runs: bool = True
    checked: str = EVERY_RUN
    no_queries: str = ""
    only_8_bits: bool = False

    def dialect_for(self, settings: ExportSettings) -> Dialect:
        """Return what its graphs can hold with these settings."""
        return replace(self.dialect, split=self.dialect.split or (self.splits_8_bits and settings.precision == 8))

    @property
    def writer(self) -> Writer:
        """What writes it: the function `write` of the module in this folder that has the name of the format."""
        return cast(Writer, getattr(self._module, f"write_{self.name}"))

    @property
    def _module(self) -> ModuleType:
        return import_module(f"posekit.export.{MODULES.get(self.name, self.name)}")

    def bound_to(self, settings: ExportSettings) -> str:
        """Return what files are bound to, see `Facts.made_with`: the function `bound_to` of the module tells, if any.

        Raises:
            SettingError: it is not here.
        """
        told: Callable[[ExportSettings], str] | None = getattr(self._module, "bound_to", None)
        return told(settings) if told else ""

    def missing(self) -> list[str]:
        """Return the modules that writing takes and that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]

    def check(self, settings: ExportSettings) -> None:
        """Refuse settings that have no meaning for the format, and packages that are not there.

        Raises:
            SettingError: the setting is named, or the interpreter that the converter takes is missing.
            MissingExtraError: the package and the extra that brings it are named.
        """
        asked = {
            "half": settings.precision == 16,
            "int8": settings.precision == 8,
            "dynamic": settings.dynamic,
            "opset": settings.opset is not None,
            "workspace": settings.workspace is not None,
            "optimize": settings.optimize,
            "nms": settings.nms is True,
            "batch": settings.batch != 1,
            "simplify": not settings.simplify,
        }
        for key, is_asked in asked.items():
            if is_asked and key not in self.arguments:
                able = [name for name, one in FORMATS.items() if key in one.arguments]
                raise SettingError(f"format={self.name} has no {key}: formats that have it are {', '.join(able)}")
        if self.environment:
            interpreter(self.name, settings.converter_python, CONVERTERS / f"{self.environment}.txt")
        for package in self.missing():
            raise MissingExtraError(f"format={self.name}", self.extra, package)


# Formats that share a module with others.
MODULES: Final = {
    "engine": "tensorrt",
    "saved_model": "tensorflow",
    "pb": "tensorflow",
    "edgetpu": "tensorflow",
    "tfjs": "tensorflow",
}

_ANY = frozenset({"batch"})
FORMATS: Final = {
    made.name: made
    for made in (
        Format(
            name="torchscript",
            title="TorchScript: PyTorch in C++, without Python",
            ending=".torchscript",
            arguments=_ANY | {"half", "dynamic", "optimize", "nms"},
        ),
        Format(
            name="onnx",
            title="ONNX: ONNX Runtime, OpenCV and many others",
            ending=".onnx",
            arguments=_ANY | {"half", "int8", "dynamic", "simplify", "opset", "nms", "data", "fraction"},
            packages=("onnx", "onnxscript", "onnxslim", "onnxruntime"),
            extra="onnx",
        ),
        Format(
            name="openvino",
            title="OpenVINO: processors and accelerators of Intel",
            ending="_openvino_model",
            arguments=_ANY | {"half", "int8", "dynamic", "nms", "data", "fraction"},
            packages=("openvino",),
            extra="openvino",
        ),
        Format(
            name="engine",
            title="TensorRT: GPUs of NVIDIA",
            ending=".engine",
            arguments=_ANY | {"half", "int8", "dynamic", "simplify", "workspace", "nms", "data", "fraction"},
            packages=("tensorrt", "onnx", "onnxscript", "onnxslim", "onnxruntime"),
            extra="tensorrt",
            checked="the calls to TensorRT, by tests; never on a GPU",
        ),
        Format(
            name="coreml",
            title="Core ML: devices of Apple",
            ending=".mlpackage",
            arguments=_ANY | {"half", "int8", "nms"},
            packages=("coremltools",),
            extra="coreml",
            checked="graph and weights, by an evaluator in the tests; never by Apple's runtime",
        ),
        Format(
            name="saved_model",
            title="TensorFlow SavedModel",
            ending="_saved_model",
            arguments=_ANY | {"nms"},
            packages=("onnx", "onnxslim"),
            extra="onnx",
            environment="tensorflow",
            checked=OWN_ENVIRONMENT,
            dialect=Dialect(sampling=False),
        ),
        Format(
            name="pb",
            title="TensorFlow GraphDef",
            ending=".pb",
            arguments=_ANY | {"nms"},
            packages=("onnx", "onnxslim"),
            extra="onnx",
            environment="tensorflow",
            checked=OWN_ENVIRONMENT,
            dialect=Dialect(sampling=False),
        ),
        Format(
            name="tflite",
            title="LiteRT (TensorFlow Lite): phones and small boards",
            ending=".tflite",
            arguments=_ANY | {"half", "int8", "nms"},
            packages=("litert_torch", "ai_edge_litert", "ai_edge_quantizer"),
            extra="tflite",
            dialect=Dialect(sampling=False),
            splits_8_bits=True,
        ),
        Format(
            name="edgetpu",
            title="LiteRT for the Edge TPU of Coral, 8 bits",
            ending="_edgetpu.tflite",
            arguments=frozenset({"int8", "data", "fraction"}),
            packages=("onnx", "onnxslim"),
            extra="onnx",
            environment="tensorflow",
            dialect=Dialect(split=True),
            runs=False,
            checked="the 8-bit file that Coral's compiler takes; never compiled",
            only_8_bits=True,
            no_queries="8 bits choose other cells to start from",
        ),
        Format(
            name="tfjs",
            title="TensorFlow.js: browsers",
            ending="_web_model",
            arguments=_ANY | {"nms"},
            packages=("onnx", "onnxslim"),
            extra="onnx",
            environment="tensorflow",
            runs=False,
            checked="the graph, by its converter; a picture in headless Chromium, by `examples/browser/check.mjs`",
            dialect=Dialect(sampling=False),
        ),
        Format(
            name="paddle",
            title="PaddlePaddle",
            ending="_paddle_model",
            arguments=_ANY,
            packages=("onnx", "onnxslim"),
            extra="onnx",
            environment="paddle",
            dialect=Dialect(sampling=False),
            checked=OWN_ENVIRONMENT,
        ),
        Format(
            name="ncnn",
            title="ncnn: phones, Raspberry Pi",
            ending="_ncnn_model",
            arguments=frozenset({"half"}),
            packages=("pnnx", "ncnn"),
            extra="ncnn",
            dialect=Dialect(sampling=False, ranking=False, five_axes=False),
        ),
    )
}


def support_table() -> str:
    """Return the formats and what they hold of the networks as Markdown, as it stands in the docs."""
    header = ("format", "file", "arguments", "`nms=True`", "YOLO26", "RF-DETR", "checked")
    rows = [header, *(_support(form) for form in FORMATS.values())]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def _support(form: Format) -> tuple[str, ...]:
    rows = "nms" in form.arguments
    return (
        f"`{form.name}`",
        f"`NAME{form.ending}`",
        " ".join(f"`{name}`" for name in sorted(form.arguments - {"nms"})),
        "rows" if rows else "no",
        "rows" if form.dialect.ranking and not form.only_8_bits else "all predictions, to be ranked",
        form.no_queries or ("queries, or rows" if rows else "queries"),
        form.checked,
    )


def format_table() -> str:
    """Return the formats as a table for the console: what each takes, and what is missing to write it."""
    rows = [("format", "file", "arguments", "written by")]
    for form in FORMATS.values():
        missing = form.missing()
        state = "ready" if not missing else f'missing {", ".join(missing)}: pip install "posekit[{form.extra}]"'
        if form.environment:
            state += f", and an interpreter with {form.environment} (converter_python=)"
        rows.append((form.name, f"NAME{form.ending}", " ".join(sorted(form.arguments)), state))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", "posekit export model=FILE format=NAME; all formats take imgsz and device"])
