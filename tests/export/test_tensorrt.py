"""TensorRT: what is asked of it and what its answers become, by a stand-in for its package.

TensorRT runs on GPUs of NVIDIA only. The stand-in has the calls of its published interface and nothing behind them: an
engine is a text, and what it computes are numbers by shape. No engine is proven here.
"""

import contextlib
import json
import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from posekit.config.settings import ExportSettings, PredictSettings
from posekit.errors import CheckpointError, ExportError, MissingExtraError, SettingError, ShapeError
from posekit.export import export as exporting
from posekit.export import tensorrt
from posekit.export.export import export_network
from posekit.export.onnx import quantize_onnx, trace_onnx
from posekit.export.tensorrt import build_engine
from posekit.models.exported.facts import Dialect
from posekit.models.exported.metadata import engine_plan, read_texts, write_texts
from posekit.models.exported.open import open_exported
from posekit.sample import Batch
from small_exports import SIZE, pictures, small_model

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxslim")
pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore")
CUDA = torch.device("cuda", 0)
OUTPUT = (56, 252)


class Package:
    """What posekit calls of TensorRT, and a record of the calls."""

    float32, float16 = "float32", "float16"
    TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    BuilderFlag = SimpleNamespace(TF32="tf32")
    MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")

    def __init__(self, version="10.9.0"):
        self.__version__ = version
        self.__spec__ = ModuleSpec("tensorrt", None)
        self.calls = []
        self.refuses = None
        self.most = (8, 3, *SIZE)
        self.ran = []

    class Logger:
        ERROR = 1

        def __init__(self, level):
            pass

    def told(self, name):
        return lambda *given: self.calls.append((name, *given))

    def Builder(self, logger):
        profile = SimpleNamespace(set_shape=self.told("shapes"))
        config = SimpleNamespace(
            clear_flag=self.told("without"),
            set_memory_pool_limit=self.told("memory"),
            add_optimization_profile=self.told("profile"),
        )
        return SimpleNamespace(
            create_network=self.told("network"),
            create_builder_config=lambda: config,
            create_optimization_profile=lambda: profile,
            build_serialized_network=lambda *given: None if self.refuses == "building" else b"an engine",
        )

    def OnnxParser(self, network, logger):
        def parse(graph):
            self.graph = graph
            return self.refuses != "parsing"

        error = SimpleNamespace(desc=lambda: "no plugin for NonZero")
        return SimpleNamespace(parse=parse, num_errors=1, get_error=lambda index: error)

    def Runtime(self, logger):
        return SimpleNamespace(deserialize_cuda_engine=lambda plan: self if plan == b"an engine" else None)

    # What an engine answers.
    num_io_tensors = 2

    def get_tensor_name(self, index):
        return ("images", "output0")[index]

    def get_tensor_mode(self, name):
        return "in" if name == "images" else "out"

    def get_tensor_dtype(self, name):
        return "float32"

    def create_execution_context(self):
        def set_input_shape(name, shape):
            self.shape = shape
            return all(size <= most for size, most in zip(shape, self.most, strict=True))

        def run(stream):
            self.ran.append(self.shape)
            return True

        return SimpleNamespace(
            set_input_shape=set_input_shape,
            get_tensor_shape=lambda name: (self.shape[0], *OUTPUT),
            set_tensor_address=lambda name, address: None,
            execute_async_v3=run,
        )


@pytest.fixture
def package(monkeypatch):
    """TensorRT and a GPU that are not there."""
    made = Package()
    monkeypatch.setitem(sys.modules, "tensorrt", made)
    for module in (tensorrt, exporting):
        monkeypatch.setattr(module, "select_device", lambda name: torch.device("cpu" if name == "cpu" else "cuda:0"))
    stream = SimpleNamespace(cuda_stream=0, synchronize=lambda: None)
    gpu = {
        "get_device_name": lambda device: "Jetson Orin",
        "Stream": lambda device: stream,
        "stream": lambda one: contextlib.nullcontext(),
        "device": lambda device: contextlib.nullcontext(),
    }
    for name, answer in gpu.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    return made


@pytest.fixture(scope="module")
def facts():
    return small_model().deployed(ExportSettings(imgsz=SIZE, batch=2, dynamic=True), Dialect()).facts


def export(folder, **values):
    settings = ExportSettings(**{"format": "engine", "imgsz": SIZE, "device": "0", "check": False} | values)
    return export_network(small_model(), settings, folder / "small.pt")


def engine(folder, facts, made_with="TensorRT 10.9.0 on Jetson Orin"):
    """Return an engine as `export` writes it."""
    path = folder / "small.engine"
    path.write_bytes(b"an engine")
    write_texts(path, replace(facts, made_with=made_with).to_texts())
    return path


def model(path):
    """Return the model of an engine, whose buffers lie in main memory."""
    made = open_exported(path).ready(PredictSettings(device="0"), CUDA)
    made.session._device = torch.device("cpu")
    return made


def test_an_engine_begins_with_a_length_and_what_it_says_of_itself_as_json(tmp_path, package):
    path = export(tmp_path)
    data = path.read_bytes()
    size = int.from_bytes(data[:4], "little")
    texts = json.loads(data[4 : 4 + size])
    assert data[4 + size :] == engine_plan(path) == b"an engine"
    assert texts == read_texts(path)
    assert texts["made_with"] == "TensorRT 10.9.0 on Jetson Orin"
    assert json.loads(texts["imgsz"]) == list(SIZE)
    # A fixed engine has no profile; 32 bits are 32 bits.
    assert package.calls == [("network", 2), ("without", "tf32")]
    graph = onnx.load_from_string(package.graph).graph
    assert [size.dim_value for size in graph.input[0].type.tensor_type.shape.dim] == [1, 3, *SIZE]


def test_dynamic_engines_take_one_to_batch_pictures_up_to_the_size(package, facts):
    settings = ExportSettings(format="engine", device="0", workspace=1.5)
    assert build_engine(b"a graph", replace(facts, batch=8), settings) == b"an engine"
    named = {name: given for name, *given in package.calls}
    assert named["shapes"] == ["images", (1, 3, 32, 32), (8, 3, *SIZE), (8, 3, *SIZE)]
    assert "profile" in named
    assert named["memory"] == ["workspace", int(1.5 * 2**30)]


def test_16_bits_are_written_into_the_graph(tmp_path, package):
    export(tmp_path, precision=16)
    graph = onnx.load_from_string(package.graph).graph
    kinds = [tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4]
    assert kinds.count(onnx.TensorProto.FLOAT16) == len(kinds) > 20
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_8_bits_are_signed_and_symmetric(tmp_path, facts):
    source, target = tmp_path / "source.onnx", tmp_path / "quantized.onnx"
    settings = ExportSettings(imgsz=SIZE)
    trace_onnx(small_model().deployed(settings, Dialect()), source, opset=None, simplify=True)
    quantize_onnx(source, target, pictures(4)[:, None], symmetric=True)
    graph = onnx.load(str(target)).graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    coders = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert len(coders) > 20
    assert all(values[node.input[2]].dtype == np.int8 and not values[node.input[2]].any() for node in coders)


def test_what_tensorrt_refuses_is_an_error(package, facts):
    settings = ExportSettings(format="engine", device="0")
    package.refuses = "parsing"
    with pytest.raises(ExportError, match="format=engine: TensorRT refused the graph: no plugin for NonZero"):
        build_engine(b"a graph", facts, settings)
    package.refuses = "building"
    with pytest.raises(ExportError, match="format=engine: TensorRT could not build the engine"):
        build_engine(b"a graph", facts, settings)


def test_outputs_come_as_arrays_and_larger_batches_are_split(tmp_path, package, facts):
    opened = model(engine(tmp_path, facts))
    package.most = (2, 3, *SIZE)
    batch = Batch(images=torch.from_numpy(pictures(5)), samples=[], letterboxes=[])
    found = opened.run(batch, PredictSettings())
    assert {name: tuple(value.shape) for name, value in found.items()} == {"output0": (5, *OUTPUT)}
    assert found["output0"].dtype == torch.float32
    assert [shape[0] for shape in package.ran] == [2, 2, 1]


def test_larger_pictures_than_the_engine_takes_are_an_error_that_says_the_limit(tmp_path, package, facts):
    opened = model(engine(tmp_path, facts))
    with pytest.raises(ShapeError, match=r"1 pictures of \[256, 256\] pixels: .* takes at most 2 of \[96, 128\]"):
        opened.session.run(pictures(1, (256, 256)))


@pytest.mark.parametrize("made_with", ["TensorRT 11.0.0 on Jetson Orin", "TensorRT 10.9.0 on L4"])
def test_an_engine_of_another_version_or_gpu_is_refused_in_a_line_that_names_both(tmp_path, package, facts, made_with):
    with pytest.raises(CheckpointError, match=f"was made by {made_with}, and here is TensorRT 10.9.0 on Jetson Orin"):
        model(engine(tmp_path, facts, made_with))


def test_a_damaged_engine_is_refused(tmp_path, package, facts):
    path = engine(tmp_path, facts)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(CheckpointError, match="cannot be opened by TensorRT 10"):
        model(path)


def test_only_gpus_of_nvidia_make_and_run_engines(tmp_path, package, facts):
    with pytest.raises(SettingError, match="device=cpu: TensorRT engines are made and run on GPUs of NVIDIA only"):
        export(tmp_path, device="cpu")
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingError, match="device=cpu: TensorRT engines"):
        open_exported(engine(tmp_path, facts)).ready(PredictSettings(device="cpu"), torch.device("cpu"))


def test_without_tensorrt_the_extra_is_named(tmp_path, monkeypatch, facts):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingExtraError, match=r"TensorRT engines need the package tensorrt: .*posekit\[tensorrt\]"):
        open_exported(engine(tmp_path, facts)).ready(PredictSettings(device="0"), CUDA)
