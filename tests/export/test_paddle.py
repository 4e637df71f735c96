"""PaddlePaddle: what a folder holds, and its numbers, by the interpreter that the environment names.

The variable ``POSEKIT_PADDLE_PYTHON`` names an interpreter with what `converters/paddle.txt` lists; without it, only
what takes none is tested.
"""

import os
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from posekit.config.settings import ExportSettings, PredictSettings
from posekit.errors import CheckpointError, ExportError, MissingExtraError, SettingError
from posekit.export.converter import CONVERTERS, run_converter
from posekit.export.export import size_of
from posekit.models.exported.facts import Dialect
from posekit.models.exported.metadata import write_texts
from posekit.models.exported.open import open_exported
from small_exports import pictures, small_model, write_small
from small_rfdetr import small_model as small_rfdetr_model

pytest.importorskip("onnx")
pytest.importorskip("onnxslim")

PYTHON = os.environ.get("POSEKIT_PADDLE_PYTHON")
converts = pytest.mark.skipif(not PYTHON, reason="POSEKIT_PADDLE_PYTHON names no interpreter with x2paddle")
# The exporter from before dynamo, whose graphs x2paddle knows, warns of its age and of every size that it fixes.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")


def run(written, images):
    """Return the outputs, computed picture by picture."""
    session = written.session()
    return [np.concatenate(values) for values in zip(*(session.run(picture[None]) for picture in images), strict=True)]


@converts
def test_a_folder_holds_the_network_its_weights_and_what_it_says_of_itself(tmp_path):
    written = write_small(tmp_path, small_model("yolo11n-multitask"), format="paddle", converter_python=PYTHON)
    names = sorted(file.name for file in written.path.iterdir())
    assert names == ["metadata.yaml", "model.json", "model.pdiparams"]
    assert 0 < size_of(written.path) < 3e6
    assert written.facts.outputs == ("output0", "output1")
    images = pictures(2)
    assert max(written.differences(run(written, images), images)) < 1e-3


@converts
def test_rf_detr_computes_what_its_graph_does(tmp_path):
    network = small_rfdetr_model()
    written = write_small(tmp_path, network, format="paddle", imgsz=64, converter_python=PYTHON)
    images = pictures(2, (64, 64))
    assert max(written.differences(run(written, images), images)) < 1e-3


@converts
def test_a_folder_without_its_weights_is_an_error_in_one_line(tmp_path):
    facts = small_model().deployed(ExportSettings(format="paddle", imgsz=96), Dialect()).facts
    folder = tmp_path / "small_paddle_model"
    folder.mkdir()
    write_texts(folder, facts.to_texts())
    with pytest.raises(CheckpointError, match=r"_paddle_model cannot be run by .*: the folder lacks model.json or"):
        open_exported(folder).ready(PredictSettings(device="cpu"), torch.device("cpu"))


@converts
def test_an_operator_that_the_converter_lacks_is_an_error_in_one_line(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Det", ["images"], ["output0"])
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 4, 4])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph([node], "graph", [images], [output])
    source = tmp_path / "source.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), str(source))
    script, requirements = CONVERTERS / "paddle_convert.py", CONVERTERS / "paddle.txt"
    with pytest.raises(
        ExportError, match=r"format=paddle: the converter in .* failed: ValueError: x2paddle has no Det$"
    ):
        run_converter("paddle", PYTHON, script, {"onnx": source, "target": tmp_path / "made"}, requirements)
    assert not (tmp_path / "made").exists()


def test_without_an_interpreter_the_export_says_how_one_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv("POSEKIT_PADDLE_PYTHON", raising=False)
    with pytest.raises(
        SettingError, match=r"format=paddle is converted by an interpreter of its own: make .*paddle.txt"
    ):
        write_small(tmp_path, small_model(), format="paddle")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("paddle") is not None, reason="paddle is installed")
def test_without_paddle_beside_posekit_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("POSEKIT_PADDLE_PYTHON", raising=False)
    folder = tmp_path / "small_paddle_model"
    folder.mkdir()
    facts = small_model().deployed(ExportSettings(format="paddle", imgsz=96), Dialect()).facts
    write_texts(folder, facts.to_texts())
    with pytest.raises(MissingExtraError, match=r"PaddlePaddle files need the package paddlepaddle"):
        open_exported(folder).ready(PredictSettings(device="cpu"), torch.device("cpu"))
