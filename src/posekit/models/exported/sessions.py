"""The runtimes behind exported files: one small class each, which takes arrays and gives arrays.

Every runtime is an optional package, imported when a file of its format is opened.
"""

import io
import os
import platform
import sys
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, BinaryIO, ClassVar, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from posekit.errors import CheckpointError, MissingExtraError, SettingError, ShapeError
from posekit.log import one_line
from posekit.models.exported.facts import Facts
from posekit.models.exported.tensorrt import TensorRtSession
from posekit.sample import Floats

if TYPE_CHECKING:
    import torch


CONVERTERS: Final = Path(__file__).parents[2] / "export/converters"


class Session(Protocol):
    """A file, loaded by its runtime.

    Attributes:
        provider: what runs it, in words, such as "ONNX Runtime (CPUExecutionProvider)".
    """

    provider: str

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """Return the float32 outputs, in the order of `Facts.outputs`, for contiguous images (B, 3, H, W) in [0, 1]."""
        ...


def wanted_threads() -> int | None:
    """Return the number of threads that the user wants every runtime to compute with, as PyTorch takes it.

    It is the variable ``OMP_NUM_THREADS``; None without: each runtime chooses.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else None


class TorchScriptSession:
    """A TorchScript program."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        import torch

        try:
            self._program = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise CheckpointError(f"{path} is no TorchScript program, or a damaged one") from error
        self._device = device
        self.provider = f"TorchScript ({device})"

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`."""
        import torch

        with torch.inference_mode():
            outputs = self._program(torch.from_numpy(images).to(self._device))
        outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs  # as other programs write them
        return [output.float().cpu().numpy() for output in outputs]


class OnnxSession:
    """ONNX Runtime."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("ONNX files", "onnx", "onnxruntime") from error
        wanted = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}[
            device.type
        ]
        if wanted not in onnxruntime.get_available_providers():
            raise SettingError(
                f"device={device}: this ONNX Runtime has no {wanted} (install onnxruntime-gpu for CUDA), only "
                f"{', '.join(onnxruntime.get_available_providers())}; device=cpu runs anywhere"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = wanted_threads() or 0
        provider: Any = (wanted, {"device_id": device.index or 0}) if device.type == "cuda" else wanted
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # the package raises classes of its own, without a common base
            raise CheckpointError(f"{path} cannot be opened by ONNX Runtime: {str(error).splitlines()[0]}") from error
        if self._session.get_providers()[0] != wanted:
            raise SettingError(f"device={device}: ONNX Runtime fell back to {self._session.get_providers()[0]}")
        self._input = self._session.get_inputs()[0]
        self._names = list(facts.outputs)
        self._dtype = np.float16 if self._input.type == "tensor(float16)" else np.float32
        self.provider = f"ONNX Runtime ({wanted})"

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`."""
        outputs = self._session.run(self._names, {self._input.name: images.astype(self._dtype, copy=False)})
        return [output.astype(np.float32, copy=False) for output in outputs]


def import_openvino(name: str) -> Any:
    """Import a package of OpenVINO, and keep it from reporting to its makers that it is used.

    Raises:
        ImportError: it is not installed.
    """
    reporter = "openvino_telemetry"  # where it is missing, the packages do without it
    before = sys.modules.get(reporter)
    if before is None:
        sys.modules[reporter] = None  # type: ignore[assignment]  # importing it fails from now on
    try:
        return import_module(name)
    finally:
        if before is None:
            del sys.modules[reporter]


class OpenVinoSession:
    """OpenVINO; always in 32 bits, as it would otherwise compute in bfloat16 where it can."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        try:
            openvino = import_openvino("openvino")
        except ImportError as error:
            raise MissingExtraError("OpenVINO files", "openvino", "openvino") from error
        if device.type != "cpu":
            raise SettingError(f"device={device}: OpenVINO files run on the CPU here: predict with device=cpu")
        files = sorted(path.glob("*.xml"))
        if not files:
            raise CheckpointError(f"{path} holds no OpenVINO network (.xml): export it again")
        hints: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        threads = wanted_threads()
        if threads:
            hints["INFERENCE_NUM_THREADS"] = threads
        try:
            core = openvino.Core()
            self._compiled = core.compile_model(core.read_model(files[0]), "CPU", hints)
        except RuntimeError as error:
            raise CheckpointError(f"{path} cannot be opened by OpenVINO: {str(error).splitlines()[0]}") from error
        self._request = self._compiled.create_infer_request()
        self._count = len(facts.outputs)
        self.provider = f"OpenVINO (CPU, {self._compiled.get_property('INFERENCE_PRECISION_HINT').to_string()})"

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`."""
        self._request.infer([images])
        return [self._request.get_output_tensor(index).data.copy() for index in range(self._count)]


class LiteRtSession:
    """LiteRT on the CPU: inputs and maps (B, C, H, W) or (B, H, W, C), floats or whole numbers with a scale."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("LiteRT files", "tflite", "ai_edge_litert") from error
        if device.type != "cpu":
            raise SettingError(f"device={device}: LiteRT files run on the CPU here: predict with device=cpu")
        try:
            threads = wanted_threads() or os.cpu_count() or 1
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = one_line(error).partition(" Node number")[0]
            raise CheckpointError(f"{path} cannot be opened by LiteRT: {reason}") from error
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._ordered(facts.outputs)
        self._masks = facts.masks
        self.provider = f"LiteRT (CPU, {threads} threads)"

    def _ordered(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the outputs in the order of the facts: by names, or by the numbers that converters give them."""
        signatures = self._interpreter.get_signature_list()
        if not signatures:
            details = self._interpreter.get_output_details()
            named = {output["name"]: output for output in details}
            return [named[name] for name in names] if set(names) <= set(named) else list(details)
        found = self._interpreter.get_signature_runner(next(iter(signatures))).get_output_details()
        return [found[name] for name in in_order(found, names)]

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`."""
        channels_last = self._input["shape"][-1] == 3 and self._input["shape"][1] != 3
        if channels_last:
            images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self._interpreter.set_tensor(self._input["index"], _quantised(images, self._input))
        self._interpreter.invoke()
        found = [_as_floats(self._interpreter.get_tensor(output["index"]), output) for output in self._outputs]
        last = [value.ndim == 4 and value.shape[3] == self._masks != value.shape[1] for value in found]
        return [value.transpose(0, 3, 1, 2) if turn else value for value, turn in zip(found, last, strict=True)]


class OutsideSession:
    """A file in a process of its own: of posekit's interpreter where that has the runtime, or of another one.

    Args:
        path, facts, device: as for all.
        python: an interpreter that has the runtime, where posekit's has not; None takes the variable
            ``POSEKIT_TENSORFLOW_PYTHON``, or the one of the other runtime.
    """

    title: ClassVar[str]
    module: ClassVar[str]
    package: ClassVar[str]
    extra: ClassVar[str]

    def __init__(self, path: Path, facts: Facts, device: "torch.device", python: str | None = None) -> None:
        if device.type != "cpu":
            raise SettingError(f"device={device}: {self.title} files run on the CPU here: predict with device=cpu")
        python = python or os.environ.get(f"POSEKIT_{self.extra.upper()}_PYTHON")
        inherited: Mapping[str, str] = os.environ
        if find_spec(self.module) is not None:
            command = [sys.executable]
        elif python:
            command = [str(Path(python).expanduser()), "-I"]
            # What points this interpreter to its packages would mislead the other one.
            inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        else:
            raise MissingExtraError(f"{self.title} files", self.extra, self.package)
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        self._path, self._python, self._names = path, command[0], facts.outputs
        self._errors = TemporaryFile()  # noqa: SIM115  # closed with the process
        try:
            self._process = Popen(
                [*command, str(CONVERTERS / f"{self.extra}_run.py"), str(path.absolute())], env={**inherited, **quiet},
                stdin=PIPE, stdout=PIPE, stderr=self._errors,
            )  # fmt: skip
        except OSError as error:
            self._errors.close()
            raise SettingError(f"{python} cannot be started ({error.strerror}): name an interpreter") from error
        weakref.finalize(self, _end, self._process, self._errors)
        self._answer()
        self.provider = f"{self.title} (CPU, by {self._python})"

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`."""
        message = io.BytesIO()
        np.savez(message, images=images)
        given = cast(BinaryIO, self._process.stdin)
        with suppress(BrokenPipeError):  # where the process has ended, it gives no answer either
            given.write(len(message.getvalue()).to_bytes(8, "little") + message.getvalue())
            given.flush()
        found = self._answer()
        return [found[name].astype(np.float32, copy=False) for name in in_order(found, self._names)]

    def _answer(self) -> dict[str, NDArray[Any]]:
        """Return the next answer of the process; where it has ended, raise the last line that it complained in."""
        answers = cast(BinaryIO, self._process.stdout)
        size = int.from_bytes(answers.read(8), "little")
        data = answers.read(size)
        if not size or len(data) < size:
            self._errors.seek(0)
            lines = [text.strip() for text in self._errors.read().decode(errors="replace").splitlines() if text.strip()]
            reason = lines[-1][:300] if lines else "it says nothing"
            raise CheckpointError(f"{self._path} cannot be run by {self._python}: {reason}")
        with np.load(io.BytesIO(data)) as found:
            return dict(found)


class TensorFlowSession(OutsideSession):
    """A SavedModel or a GraphDef."""

    title, module, package, extra = "TensorFlow", "tensorflow", "tensorflow", "tensorflow"


class PaddleSession(OutsideSession):
    """A PaddlePaddle network."""

    title, module, package, extra = "PaddlePaddle", "paddle", "paddlepaddle", "paddle"


def _end(process: "Popen[bytes]", errors: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, errors):
        if stream is not None:
            with suppress(OSError):  # what is still buffered for a process that is gone
                stream.close()


def in_order(found: Collection[str], names: Sequence[str]) -> list[str]:
    """Return the names of outputs that a runtime gives in no order, in that of a file's facts.

    They are those of the facts, or end with their number, as in ``output_0``.
    """
    if set(names) <= set(found):
        return list(names)
    return sorted(found, key=lambda name: int(name[len(name.rstrip("0123456789")) :] or 0))


def _quantised(values: Floats, tensor: Mapping[str, Any]) -> NDArray[Any]:
    """Return floating-point values as the tensor holds them: whole numbers times a scale, from a zero point on."""
    scale, zero = tensor["quantization"]
    if np.issubdtype(tensor["dtype"], np.floating) or not scale:
        return values.astype(tensor["dtype"], copy=False)
    span = np.iinfo(tensor["dtype"])
    whole: NDArray[Any] = (values / scale + zero).round().clip(span.min, span.max).astype(tensor["dtype"])
    return whole


def _as_floats(values: NDArray[Any], tensor: Mapping[str, Any]) -> Floats:
    """Return what a tensor stands for."""
    scale, zero = tensor["quantization"]
    floats = values.astype(np.float32)
    return floats if np.issubdtype(tensor["dtype"], np.floating) or not scale else (floats - zero) * np.float32(scale)


NCNN_PARAM: Final = "model.ncnn.param"


def lacking_layers(param: Path) -> list[str]:
    """Return the kinds of layers in an ncnn network that the runtime does not have."""
    import ncnn

    lines = param.read_text(encoding="utf-8", errors="replace").splitlines()[2:]  # behind a magic number and two counts
    kinds = dict.fromkeys(line.split()[0] for line in lines if line.strip())
    return [kind for kind in kinds if ncnn.layer_to_index(kind) < 0]


class NcnnSession:
    """ncnn, on the CPU; in 32 bits unless the file says 16, as processors of phones would otherwise halve them."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        try:
            import ncnn
        except ImportError as error:
            raise MissingExtraError("ncnn files", "ncnn", "ncnn") from error
        if device.type != "cpu":
            raise SettingError(f"device={device}: ncnn files run on the CPU here: predict with device=cpu")
        param = path / NCNN_PARAM
        weights = param.with_suffix(".bin")
        if not param.is_file() or not weights.is_file():
            raise CheckpointError(f"{path} lacks {NCNN_PARAM} or {weights.name}: export it again")
        self._ncnn, self._net = ncnn, ncnn.Net()
        options = self._net.opt
        options.num_threads = wanted_threads() or options.num_threads
        if facts.precision == 32:
            options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        lacking = lacking_layers(param)
        if lacking:
            raise CheckpointError(
                f"{path}: this ncnn has no {', '.join(lacking)}: update it, or export with another one"
            )
        if self._net.load_param(str(param)) != 0 or self._net.load_model(str(weights)) != 0:
            raise CheckpointError(f"{path} cannot be opened by ncnn: export it again")
        self._size = facts.imgsz
        self._names = [f"out{index}" for index in range(len(facts.outputs))]
        self.provider = "ncnn (CPU)"

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`.

        Raises:
            ShapeError: pictures of another size, for which ncnn would return nonsense without a word.
        """
        if images.shape[2:] != self._size:
            raise ShapeError(f"pictures of {list(images.shape[2:])} pixels: this ncnn file takes {list(self._size)}")
        found = [self._run_one(picture) for picture in images]
        return [np.stack(values) for values in zip(*found, strict=True)]

    def _run_one(self, picture: Floats) -> list[NDArray[Any]]:
        """Return the outputs, without the axis of the batch, which ncnn does not know."""
        # ncnn reads the memory as it lies, whatever the strides say, and does not keep the array alive.
        packed = np.ascontiguousarray(picture)
        with self._net.create_extractor() as extractor:
            extractor.input("in0", self._ncnn.Mat(packed))
            outputs = []
            for name in self._names:
                status, value = extractor.extract(name)
                if status != 0:
                    raise CheckpointError(f"ncnn gave no output {name}: export the file again")
                outputs.append(np.array(value, np.float32))
        return outputs


def start_session(form: str, path: Path, facts: Facts, device: "torch.device", python: str | None = None) -> Session:
    """Return a file, loaded by the runtime of its format.

    Args:
        form: the format, one of `SESSIONS`.
        path, facts, device: the file, what it says of itself, and where to compute.
        python: an interpreter that has the runtime, for formats whose runtime posekit's may lack.

    Raises:
        MissingExtraError: the runtime is not installed; the message names the extra that brings it.
        CheckpointError: the runtime does not take the file.
        SettingError: the runtime cannot use the device.
    """
    if form in OUTSIDE:
        return OUTSIDE[form](path, facts, device, python)
    return SESSIONS[form](path, facts, device)


class CoreMlSession:
    """Core ML, which only devices of Apple have; 32 bits are computed on the CPU, as their other parts halve them."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        if platform.system() != "Darwin":
            raise SettingError("Core ML files run on macOS only: on other systems, export to another format")
        try:
            import coremltools
        except ImportError as error:
            raise MissingExtraError("Core ML files", "coreml", "coremltools") from error
        if device.type == "cuda":
            raise SettingError(f"device={device}: Core ML files run on device=cpu or device=mps")
        units = coremltools.ComputeUnit.CPU_ONLY if facts.precision == 32 else coremltools.ComputeUnit.ALL
        try:
            self._model = coremltools.models.MLModel(str(path), compute_units=units)
        except Exception as error:  # the package raises what the system reports, without a common base
            raise CheckpointError(f"{path} cannot be opened by Core ML: {str(error).splitlines()[0]}") from error
        self._names = facts.outputs
        self.provider = f"Core ML ({units.name})"

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`."""
        outputs = self._model.predict({"images": images})
        return [np.asarray(outputs[name], np.float32) for name in self._names]


OUTSIDE: Final[Mapping[str, type[OutsideSession]]] = {
    "saved_model": TensorFlowSession,
    "pb": TensorFlowSession,
    "paddle": PaddleSession,
}
# Format -> its session; formats of one runtime share one.
SESSIONS: Final[Mapping[str, "Callable[[Path, Facts, torch.device], Session]"]] = {
    **OUTSIDE,
    "torchscript": TorchScriptSession,
    "onnx": OnnxSession,
    "openvino": OpenVinoSession,
    "tflite": LiteRtSession,
    "ncnn": NcnnSession,
    "coreml": CoreMlSession,
    "engine": TensorRtSession,
}
