"""TensorRT: an engine built from ONNX for the GPU at hand.

Networks are strongly typed: the graph says in which of 32, 16 and 8 bits each layer computes, and TensorRT has no say
in it. So engines of TensorRT 10 and 11 come about in the same way.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from posekit.config.settings import ExportSettings
from posekit.engine.device import select_device
from posekit.errors import ExportError
from posekit.export.onnx import INPUT, quantize_onnx, trace_onnx
from posekit.models.contract import Deployed
from posekit.models.exported.facts import Facts
from posekit.models.exported.tensorrt import made_here
from posekit.sample import Floats

GIBIBYTE: Final = 2**30


def bound_to(settings: ExportSettings) -> str:
    """Return what an engine is bound to; see `Facts.made_with`.

    Raises:
        SettingError: the device of the settings is no GPU of NVIDIA.
        MissingExtraError: TensorRT is not installed.
    """
    return made_here(select_device(settings.device))


def write_engine(deployed: Deployed, settings: ExportSettings, target: Path, pictures: Sequence[Floats]) -> None:
    """See `posekit.export.formats.Writer`; ``workspace`` is the memory, in GiB, that layers may use while they run.

    A dynamic engine takes 1 to ``batch`` pictures, with sides up to those of ``imgsz`` where the network allows it.
    """
    with TemporaryDirectory(prefix="posekit-") as folder:
        source = Path(folder) / "source.onnx"
        trace_onnx(deployed, source, opset=None, simplify=settings.simplify)
        if settings.precision == 8:
            traced, source = source, Path(folder) / "quantized.onnx"
            quantize_onnx(traced, source, pictures, symmetric=True)
        target.write_bytes(build_engine(source.read_bytes(), deployed.facts, settings))


def build_engine(graph: bytes, facts: Facts, settings: ExportSettings) -> bytes:
    """Return the engine of an ONNX graph, as TensorRT stores it.

    Raises:
        ExportError: TensorRT refused the graph, or could not build it.
    """
    import tensorrt
    import torch

    builder = tensorrt.Builder(tensorrt.Logger(tensorrt.Logger.ERROR))
    network = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = tensorrt.OnnxParser(network, tensorrt.Logger(tensorrt.Logger.ERROR))
    if not parser.parse(graph):
        reasons = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise ExportError(f"format=engine: TensorRT refused the graph: {reasons[0] if reasons else 'no reason given'}")
    config = builder.create_builder_config()
    config.clear_flag(tensorrt.BuilderFlag.TF32)  # which rounds the factors of 32-bit products to 10 bits
    if settings.workspace is not None:
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, int(settings.workspace * GIBIBYTE))
    if facts.dynamic:
        profile = builder.create_optimization_profile()
        profile.set_shape(INPUT, *profile_shapes(facts))
        config.add_optimization_profile(profile)
    with torch.cuda.device(select_device(settings.device)):
        plan: Any = builder.build_serialized_network(network, config)
    if plan is None:
        raise ExportError(
            "format=engine: TensorRT could not build the engine; its memory may not suffice: see workspace"
        )
    return bytes(plan)


def profile_shapes(facts: Facts) -> tuple[tuple[int, ...], ...]:
    """Return the smallest, the best and the largest shape (B, 3, H, W) of the input of a dynamic engine."""
    largest = (facts.batch, 3, *facts.imgsz)
    sides = (facts.stride, facts.stride) if facts.any_size else facts.imgsz
    return (1, 3, *sides), largest, largest
