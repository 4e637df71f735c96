"""The runtimes behind exported files: one small class each, which takes arrays and gives arrays.

Every runtime is an optional package, imported when a file of its format is opened.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from posekit.errors import CheckpointError, MissingExtraError, SettingError
from posekit.models.exported.facts import Facts
from posekit.sample import Floats

if TYPE_CHECKING:
    import torch


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


class OpenVinoSession:
    """OpenVINO; in 32 bits unless the file says 16, as it would otherwise compute in bfloat16 where it can."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        try:
            import openvino
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


# Format -> its session; formats of one runtime share one.
SESSIONS: Final[Mapping[str, "Callable[[Path, Facts, torch.device], Session]"]] = {
    "torchscript": TorchScriptSession,
    "onnx": OnnxSession,
    "openvino": OpenVinoSession,
}
