"""TensorRT behind engines: one GPU and one version of TensorRT, buffers of PyTorch on the GPU."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posekit.errors import CheckpointError, MissingExtraError, SettingError, ShapeError
from posekit.models.exported.facts import Facts
from posekit.models.exported.metadata import engine_plan
from posekit.sample import Floats

if TYPE_CHECKING:
    import torch


def made_here(device: "torch.device") -> str:
    """Return what engines that are made on a device are bound to: TensorRT and the GPU, in words.

    Raises:
        SettingError: the device is no GPU of NVIDIA.
        MissingExtraError: TensorRT is not installed.
    """
    if device.type != "cuda":
        raise SettingError(
            f"device={device}: TensorRT engines are made and run on GPUs of NVIDIA only, such as device=0"
        )
    try:
        import tensorrt
    except ImportError as error:
        raise MissingExtraError("TensorRT engines", "tensorrt", "tensorrt") from error
    import torch

    return f"TensorRT {tensorrt.__version__} on {torch.cuda.get_device_name(device)}"


class TensorRtSession:
    """A TensorRT engine."""

    def __init__(self, path: Path, facts: Facts, device: "torch.device") -> None:
        here = made_here(device)
        if facts.made_with and facts.made_with != here:
            raise CheckpointError(
                f"{path} was made by {facts.made_with}, and here is {here}: export the network again here"
            )
        import tensorrt
        import torch

        self._device = device
        self._facts = facts
        with torch.cuda.device(device):
            self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))
            self._engine = self._runtime.deserialize_cuda_engine(engine_plan(path))
            if self._engine is None:
                raise CheckpointError(f"{path} cannot be opened by {here}: export the network again here")
            self._context = self._engine.create_execution_context()
            self._stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        if self._context is None:
            raise CheckpointError(f"{path}: the memory of {device} does not suffice to run it")
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        modes = {name: self._engine.get_tensor_mode(name) for name in names}
        self._input = next(name for name in names if modes[name] == tensorrt.TensorIOMode.INPUT)
        lacking = [name for name in facts.outputs if modes.get(name) != tensorrt.TensorIOMode.OUTPUT]
        if lacking:
            raise CheckpointError(f"{path} has no output {', '.join(lacking)}: export the network again")
        kinds = {tensorrt.float32: torch.float32, tensorrt.float16: torch.float16}
        self._dtypes = {name: kinds[self._engine.get_tensor_dtype(name)] for name in (self._input, *facts.outputs)}
        self.provider = here

    def run(self, images: Floats) -> list[NDArray[Any]]:
        """See `Session`.

        Raises:
            ShapeError: the engine does not take so many or so large pictures.
        """
        import torch

        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            given = torch.from_numpy(images).to(self._device, self._dtypes[self._input]).contiguous()
            if not self._context.set_input_shape(self._input, tuple(given.shape)):
                facts = self._facts
                most = f"{facts.batch} of {list(facts.imgsz)}"
                raise ShapeError(
                    f"{len(images)} pictures of {list(images.shape[2:])} pixels: this engine takes "
                    f"{'at most ' if facts.dynamic else ''}{most}; export it for more"
                )
            outputs = [
                torch.empty(tuple(self._context.get_tensor_shape(name)), dtype=self._dtypes[name], device=self._device)
                for name in self._facts.outputs
            ]
            self._context.set_tensor_address(self._input, given.data_ptr())
            for name, output in zip(self._facts.outputs, outputs, strict=True):
                self._context.set_tensor_address(name, output.data_ptr())
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise CheckpointError("TensorRT could not run the engine: export the network again")
            self._stream.synchronize()
        return [output.float().cpu().numpy().astype(np.float32, copy=False) for output in outputs]
