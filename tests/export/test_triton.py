"""Models for Triton: dimensions that fit the file, and facts that come back as they were."""

import json
import re
import shutil

import pytest

from posekit.cli.entry import main
from posekit.errors import CheckpointError, SettingError
from posekit.export.triton import read_triton_metadata, triton_config, write_triton_model
from posekit.models.exported.facts import Facts
from posekit.models.exported.metadata import write_texts
from posekit.schema.schema import KeypointSchema
from small_exports import small_model, write_small

pytestmark = pytest.mark.filterwarnings("ignore")  # of exporters
TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([\w.+-]+)|(.))', re.DOTALL)
NAMES = {0: 'a "quoted" name', 1: "Müller's \\ Straße", 2: "line\nbreak, {key: 1}"}


def parsed(text):
    """Return the fields of a text message of protobuf as (name, value) pairs; groups as lists of such pairs."""
    tokens = [next(filter(None, match.groups())) for match in TOKEN.finditer(text.strip())]

    def value():
        token = tokens.pop(0)
        if token == "[":
            found = []
            while (token := tokens.pop(0)) != "]":
                found += [] if token == "," else [int(token)]
            return found
        if token[0] == '"':
            return token[1:-1].encode().decode("unicode_escape")
        return int(token) if token.lstrip("-").isdigit() else token

    def message():
        fields = []
        while tokens and tokens[0] != "}":
            name = tokens.pop(0)
            if tokens[0] == ":":
                tokens.pop(0)
            if tokens[0] == "{":
                tokens.pop(0)
                fields.append((name, message()))
                assert tokens.pop(0) == "}"
            else:
                fields.append((name, value()))
        return fields

    return message()


def tensors(config, kind):
    return {dict(value)["name"]: dict(value)["dims"] for name, value in parsed(config) if name == kind}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a function that exports a small network; each is written once."""
    for package in ("onnx", "onnxscript", "onnxslim", "onnxruntime"):
        pytest.importorskip(package)
    made = {}

    def written(name="yolo11n-pose", **settings):
        key = (name, *settings.items())
        if key not in made:
            made[key] = write_small(tmp_path_factory.mktemp("triton"), small_model(name), **settings).path
        return made[key]

    return written


def test_fixed_files_have_their_batch_as_a_dimension(files):
    config = triton_config(files(format="onnx", batch=2))
    top = dict(parsed(config))
    assert (top["name"], top["platform"], top["max_batch_size"]) == ("small", "onnxruntime_onnx", 0)
    assert tensors(config, "input") == {"images": [2, 3, 96, 128]}
    assert tensors(config, "output") == {"output0": [2, 56, 252]}


def test_dynamic_files_have_a_largest_batch_and_dimensions_without_it(files):
    config = triton_config(files(format="onnx", dynamic=True), 16)
    assert dict(parsed(config))["max_batch_size"] == 16
    assert tensors(config, "input") == {"images": [3, -1, -1]}
    assert tensors(config, "output") == {"output0": [56, -1]}


def test_openvino_files_are_served_by_its_backend(files, tmp_path):
    pytest.importorskip("openvino")
    path = files("yolov8n-multitask", format="openvino")
    folder = write_triton_model(path, tmp_path)
    config = (folder / "config.pbtxt").read_text()
    assert dict(parsed(config))["backend"] == "openvino"
    assert tensors(config, "output") == {"output0": [1, 88, 252], "output1": [1, 32, 24, 32]}
    assert sorted(file.name for file in (folder / "1").iterdir()) == ["model.bin", "model.xml"]


def engine(path, **changes):
    """Write a file that begins like an engine; what TensorRT would read of it is made up."""
    schema = KeypointSchema(shape=(4, 3), names=("ä", 'b"', "c", "d"))
    facts = {
        "task": "pose", "names": NAMES, "schema": schema, "placing": "letterbox", "stride": 32, "imgsz": (96, 128),
        "batch": 4, "dynamic": True, "layout": "dense", "selection": "suppress", "unit": "pixels",
        "outputs": ("output0",), "version": "0",
    } | changes  # fmt: skip
    path.write_bytes(b"the plan")
    write_texts(path, Facts(**facts).to_texts())
    return path


def test_engines_lie_there_without_the_header(tmp_path):
    folder = write_triton_model(engine(tmp_path / "net.engine"), tmp_path / "models")
    assert (folder / "1/model.plan").read_bytes() == b"the plan"
    config = (folder / "config.pbtxt").read_text()
    assert (dict(parsed(config))["platform"], dict(parsed(config))["max_batch_size"]) == ("tensorrt_plan", 4)
    assert tensors(config, "output") == {"output0": [19, -1]}
    rows = triton_config(engine(tmp_path / "rows.engine", dynamic=False, layout="rows", selection="none", max_det=30))
    assert tensors(rows, "output") == {"output0": [4, 30, 18]}
    fixed = triton_config(engine(tmp_path / "fixed.engine", dynamic=False))
    assert tensors(fixed, "output") == {"output0": [4, 19, 252]}
    assert tensors(fixed, "input") == {"images": [4, 3, 96, 128]}


def test_names_with_quotes_umlauts_and_backslashes_come_back(tmp_path):
    config = triton_config(engine(tmp_path / "net.engine"))
    assert config.isascii()
    assert [line.count("\n") for line in config.splitlines()] == [0] * 6
    facts = read_triton_metadata(config)
    assert {int(index): name for index, name in facts["names"].items()} == NAMES
    assert (facts["task"], facts["kpt_shape"], facts["kpt_names"][:2]) == ("pose", [4, 3], ["ä", 'b"'])
    told = dict(next(value for name, value in parsed(config) if name == "parameters"))
    assert (told["key"], json.loads(dict(told["value"])["string_value"])) == ("metadata", facts)
    served = {"name": "net", "parameters": {"metadata": {"string_value": dict(told["value"])["string_value"]}}}
    assert read_triton_metadata(json.dumps(served)) == facts


@pytest.mark.parametrize("text", ["", 'name: "a"', "{}", 'parameters { key: "metadata" value { string_value: "[1" } }',
                                  'parameters { key: "metadata" value { string_value: "[1]" } }', "{"])  # fmt: skip
def test_configurations_without_facts_are_refused(text):
    with pytest.raises(CheckpointError, match="of Triton"):
        read_triton_metadata(text)


def test_formats_that_triton_does_not_run_are_refused(files):
    with pytest.raises(SettingError, match="Triton runs onnx, engine, openvino, not torchscript"):
        triton_config(files(format="torchscript"))


def test_the_command_writes_a_repository(files, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(files(format="onnx", batch=2), tmp_path / "pose net.onnx")
    assert main(["triton", "model=pose net.onnx", "out=models"]) == 0
    assert (tmp_path / "models/pose net/1/model.onnx").read_bytes() == (tmp_path / "pose net.onnx").read_bytes()
    assert dict(parsed((tmp_path / "models/pose net/config.pbtxt").read_text()))["name"] == "pose net"
    assert "tritonserver --model-repository" in capsys.readouterr().out
    assert main(["triton", "out=models"]) == 2
    assert "model=FILE" in capsys.readouterr().err
