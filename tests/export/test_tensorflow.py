"""TensorFlow in another interpreter: what it writes gives what the network gives, and every mistake is one line.

Tests of conversion take the variable POSEKIT_TENSORFLOW_PYTHON, an interpreter with what
``src/posekit/export/converters/tensorflow.txt`` lists.
"""

import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from exported_outputs import CPU, both_outputs, pictures, small_model
from posekit.config.settings import ExportSettings
from posekit.errors import CheckpointError, ExportError, MissingExtraError, SettingError
from posekit.export.converter import CONVERTERS
from posekit.export.export import export_network
from posekit.export.formats import FORMATS
from posekit.models.exported.open import open_exported
from posekit.models.exported.sessions import TensorFlowSession

PYTHON = "POSEKIT_TENSORFLOW_PYTHON"
CONVERTED = ("saved_model", "pb", "edgetpu", "tfjs")
outside = pytest.mark.skipif(PYTHON not in os.environ, reason=f"{PYTHON} names no interpreter")
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def exported(folder, **settings):
    return export_network(small_model(), ExportSettings(imgsz=64, check=False, **settings), folder / "small.pt")


@pytest.mark.parametrize("name", CONVERTED)
def test_no_interpreter_is_answered_by_the_command_that_makes_one(name, monkeypatch):
    monkeypatch.delenv(PYTHON, raising=False)
    with pytest.raises(SettingError, match=r"-m venv posekit-tensorflow && .*tensorflow\.txt") as caught:
        FORMATS[name].check(ExportSettings(format=name))
    assert str(CONVERTERS / "tensorflow.txt") in str(caught.value)
    assert (CONVERTERS / "tensorflow.txt").is_file()


def test_a_wrong_interpreter_is_named_before_anything_is_made(tmp_path):
    with pytest.raises(SettingError, match="converter_python=/none/python: there is no such program"):
        exported(tmp_path, format="pb", converter_python="/none/python")
    assert list(tmp_path.iterdir()) == []


@quiet
def test_an_interpreter_without_the_packages_says_which_and_leaves_nothing(tmp_path):
    pytest.importorskip("onnxslim")
    bare = tmp_path / "python"
    bare.symlink_to(Path(sys.executable).resolve())
    folder = tmp_path / "out"
    with pytest.raises(ExportError, match=r"No module named '\w+'; its environment is made by: "):
        exported(folder, format="saved_model", converter_python=str(bare))
    assert list(folder.iterdir()) == []


@quiet
def test_a_converter_that_fails_says_why_and_leaves_nothing(tmp_path):
    pytest.importorskip("onnxslim")
    failing = program(tmp_path / "python", "echo loading >&2; echo 'ValueError: no such operator' >&2; exit 1")
    folder = tmp_path / "out"
    with pytest.raises(ExportError, match=r"format=tfjs: the converter in .* failed: ValueError: no such operator$"):
        exported(folder, format="tfjs", converter_python=str(failing))
    assert list(folder.iterdir()) == []


def program(path, text):
    """Write a program of the shell."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_edge_tpu_takes_a_compiler_and_eight_bits(tmp_path, monkeypatch):
    pytest.importorskip("onnxslim")
    write = FORMATS["edgetpu"].writer
    deployed = small_model().deployed(ExportSettings(imgsz=64), FORMATS["edgetpu"].dialect)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingError, match=r"edgetpu_compiler, which is not on PATH: .*https://coral\.ai"):
        write(deployed, ExportSettings(format="edgetpu", precision=8), tmp_path / "a_edgetpu.tflite", ())
    program(tmp_path / "edgetpu_compiler", "exit 0")
    with pytest.raises(SettingError, match="pass int8=True"):
        write(deployed, ExportSettings(format="edgetpu"), tmp_path / "a_edgetpu.tflite", ())


def any_facts():
    return small_model().deployed(ExportSettings(imgsz=64), FORMATS["pb"].dialect).facts


def test_an_interpreter_that_cannot_run_files_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr("posekit.models.exported.sessions.find_spec", lambda name: None)
    failing = program(tmp_path / "python", "echo loading >&2; echo 'ValueError: no graph' >&2; exit 1")
    with pytest.raises(CheckpointError, match=r"a\.pb cannot be run by .*: ValueError: no graph$"):
        TensorFlowSession(tmp_path / "a.pb", any_facts(), CPU, str(failing))
    with pytest.raises(SettingError, match="/none/python cannot be started"):
        TensorFlowSession(tmp_path / "a.pb", any_facts(), CPU, "/none/python")


def test_without_tensorflow_files_say_what_brings_it(tmp_path, monkeypatch):
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.setattr("posekit.models.exported.sessions.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"posekit\[tensorflow\]"):
        TensorFlowSession(tmp_path / "a.pb", any_facts(), CPU)
    with pytest.raises(SettingError, match="run on the CPU here"):
        TensorFlowSession(tmp_path / "a.pb", any_facts(), torch.device("cuda"))


@quiet
@outside
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("yolov8n-pose", {"format": "saved_model", "imgsz": (64, 96), "batch": 2}),
        ("yolov8n-pose", {"format": "pb", "nms": True, "conf": 0.01}),
        ("yolo26n-pose", {"format": "pb", "max_det": 20, "conf": 0.01}),
        ("yolo11n-multitask", {"format": "saved_model"}),
    ],
)
def test_a_file_gives_what_the_network_gives(tmp_path, name, settings):
    facts, wanted, got = both_outputs(small_model(name), tmp_path, **settings)
    assert len(got) == len(facts.outputs)
    for one, other in zip(wanted, got, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-3 * np.abs(one).max())


@quiet
@outside
def test_a_web_model_is_a_graph_with_named_ends_and_all_its_weights(tmp_path):
    folder = exported(tmp_path, format="tfjs")
    model = json.loads((folder / "model.json").read_text())
    assert model["format"] == "graph-model"
    assert list(model["signature"]["inputs"]) == ["images"]
    assert list(model["signature"]["outputs"]) == ["output0"]
    (group,) = model["weightsManifest"]
    sizes = [np.prod(one["shape"], dtype=int) * np.dtype(one["dtype"]).itemsize for one in group["weights"]]
    assert sum((folder / path).stat().st_size for path in group["paths"]) == sum(sizes)
    constants = {node["name"] for node in model["modelTopology"]["node"] if node["op"] == "Const"}
    assert constants == {one["name"] for one in group["weights"]}
    assert open_exported(folder).facts.outputs == ("output0",)


@pytest.mark.filterwarnings("ignore")  # the pipeline, which keeps converters quiet, is left out here
@outside
def test_the_edge_tpu_compiler_gets_a_file_of_whole_numbers(tmp_path, monkeypatch):
    compiled = program(
        tmp_path / "edgetpu_compiler", 'test "$1 $2" = "-s -o" && cp "$4" "$3/$(basename "$4" .tflite)_edgetpu.tflite"'
    )
    monkeypatch.setenv("PATH", f"{compiled.parent}:{os.environ['PATH']}")
    settings = ExportSettings(format="edgetpu", precision=8, imgsz=64)
    deployed = small_model().deployed(settings, FORMATS["edgetpu"].dialect)
    target = tmp_path / "draft" / "small_edgetpu.tflite"
    target.parent.mkdir()
    FORMATS["edgetpu"].writer(deployed, settings, target, [one[None] for one in pictures(4, (64, 64))])
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(model_path=str(target))
    signature = interpreter.get_signature_runner()
    assert {one["dtype"] for one in signature.get_input_details().values()} == {np.int8}
    assert {one["dtype"] for one in signature.get_output_details().values()} == {np.int8}
    assert set(signature.get_output_details()) == {"boxes", "scores", "points", "confidences"}
