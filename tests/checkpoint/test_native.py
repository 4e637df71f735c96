"""Files of posekit, as .pt and as .safetensors."""

import dataclasses
import json
import os
import random
import resource
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.checkpoint.record import Checkpoint
from posekit.errors import CheckpointError, MissingExtraError, OutputError
from posekit.schema.schema import COCO_PERSON

SUFFIXES = [".pt", ".safetensors"]


def example(**changes):
    state = {
        "model.0.conv.weight": torch.randn(4, 3, 3, 3),
        "model.0.bn.num_batches_tracked": torch.tensor(7),
        "model.0.bn.weight": torch.rand(4),
        "model.1.empty": torch.empty(0, 3),
    }
    values = {
        "path": "",
        "state": state,
        "task": "pose",
        "definition": {"nc": 1, "head": [[-1, 1, "Conv", [64, 3, 2]]], "kpt_names": {0: ["a", "b"], 1: ["c"]}},
        "names": {0: "person", 1: "Hund, groß"},
        "schema": COCO_PERSON,
        "settings": {"imgsz": 640, "lr0": 1e-5, "data": "coco.yaml", "device": None, "amp": True, "classes": []},
        "metrics": {"metrics/mAP50-95(P)": 0.5005, "fitness": float("inf")},
        "license": "Apache-2.0",
        "metadata": {"date": "2026-01-01", "epoch": 3},
    }
    return Checkpoint(**{**values, **changes})


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_saved_is_read_back(tmp_path, suffix):
    path = tmp_path / f"best{suffix}"
    saved = example()
    save_checkpoint(path, saved)
    read = read_checkpoint(path)
    assert read.kind == "posekit"
    assert read.path == str(path)
    assert list(read.state) == list(saved.state) if suffix == ".pt" else read.state.keys() == saved.state.keys()
    for name, tensor in saved.state.items():
        assert torch.equal(read.state[name], tensor)
        assert read.state[name].dtype == tensor.dtype
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("path", "state"):
            assert getattr(read, field.name) == getattr(saved, field.name), field.name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_foreign_checkpoint_can_be_saved_as_ours(golden, tmp_path, suffix):
    foreign = read_checkpoint(golden / "running_26pose.pt")
    save_checkpoint(tmp_path / f"ours{suffix}", foreign)
    ours = read_checkpoint(tmp_path / f"ours{suffix}")
    assert all(torch.equal(ours.state[name], tensor) for name, tensor in foreign.state.items())
    assert ours.names == foreign.names
    assert ours.schema == foreign.schema
    assert ours.definition == foreign.definition


def test_our_files_load_with_weights_only(tmp_path):
    save_checkpoint(tmp_path / "a.pt", example(training={"optimizer": {"state": {0: {"m": torch.ones(2)}}}}))
    top = torch.load(tmp_path / "a.pt", weights_only=True)
    assert top["posekit_format"] == 1
    assert top["names"] == {0: "person", 1: "Hund, groß"}
    assert top["training"]["optimizer"]["state"][0]["m"].tolist() == [1.0, 1.0]


def test_training_state_comes_back_as_it_was(tmp_path):
    weight = torch.nn.Parameter(torch.randn(3))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    training = {
        "optimizer": optimizer.state_dict(),
        "torch_rng": torch.get_rng_state(),
        "python_rng": random.getstate(),
        "wide": 2**127,
        "epoch": 4,
        "double": torch.tensor([0.1], dtype=torch.float64),
    }
    save_checkpoint(tmp_path / "last.pt", example(training=training))
    read = read_checkpoint(tmp_path / "last.pt").training
    fresh = torch.optim.AdamW([weight])
    fresh.load_state_dict(read["optimizer"])
    assert torch.equal(fresh.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])
    assert fresh.param_groups[0]["betas"] == (0.9, 0.999)
    torch.set_rng_state(read["torch_rng"])
    random.setstate(read["python_rng"])
    assert (read["wide"], read["epoch"], read["double"].dtype) == (2**127, 4, torch.float64)


def test_half_precision_is_widened_on_reading(tmp_path):
    save_checkpoint(tmp_path / "a.pt", example(state={"w": torch.tensor([0.1], dtype=torch.float16)}))
    read = read_checkpoint(tmp_path / "a.pt").state["w"]
    assert read.dtype == torch.float32
    assert read.item() == torch.tensor(0.1).half().item()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_views_and_shared_tensors_are_saved_compactly(tmp_path, suffix):
    whole = torch.arange(100_000.0)
    part = whole[10:13]
    save_checkpoint(tmp_path / f"a{suffix}", example(state={"a": part, "b": part, "t": whole[:6].reshape(2, 3).t()}))
    assert (tmp_path / f"a{suffix}").stat().st_size < 20_000
    read = read_checkpoint(tmp_path / f"a{suffix}").state
    assert read["b"].tolist() == [10.0, 11.0, 12.0]
    assert read["t"].tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_survives_a_failed_save(tmp_path, suffix):
    path = tmp_path / f"best{suffix}"
    save_checkpoint(path, example())
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"settings\.data is of type PosixPath"):
        save_checkpoint(path, example(settings={"data": tmp_path}))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"best{suffix}"
    save_checkpoint(path, example())
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=rf"best\{suffix} was not written: is the disk full"):
            save_checkpoint(path, example(state={"a": torch.randn(100_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_cannot_be_made_is_told(tmp_path, suffix):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="was not written"):
        save_checkpoint(tmp_path / "file" / f"best{suffix}", example())


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"settings": {"a": {"b": [1, object()]}}}, r"settings\.a\.b\[1\] is of type object"),
        ({"metadata": {"x": torch.ones(1)}}, r"metadata\.x is of type Tensor"),
        ({"definition": {(1, 2): 3}}, "definition has a key of type tuple"),
        ({"training": {"x": {1, 2}}}, r"training\.x is of type set"),
        ({"training": {"x": {2**20: 1}}}, r"training\.x has the key 1048576; whole numbers below 1048576"),
    ],
)
def test_values_that_are_not_plain_are_refused_by_name(tmp_path, changes, where):
    with pytest.raises(CheckpointError, match=f"was not written: {where}"):
        save_checkpoint(tmp_path / "a.pt", example(**changes))


def test_safetensors_hold_no_training_state(tmp_path):
    with pytest.raises(CheckpointError, match=r"hold no training state: save as \.pt"):
        save_checkpoint(tmp_path / "a.safetensors", example(training={"epoch": 1}))


@pytest.mark.parametrize("name", ["a.onnx", "a", "a.pth.tar"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(CheckpointError, match=r"written as \.pt or \.safetensors"):
        save_checkpoint(tmp_path / name, example())


def test_missing_folders_are_made(tmp_path):
    save_checkpoint(tmp_path / "runs" / "pose" / "best.pt", example())
    assert read_checkpoint(tmp_path / "runs" / "pose" / "best.pt").task == "pose"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"posekit_format": 99}, "layout 99 is newer than this posekit"),
        ({"posekit_format": "1"}, "'posekit_format' is str instead of int"),
        ({"names": {"0": "person"}}, "'names' does not map class numbers to text"),
        ({"settings": [1]}, "'settings' is list instead of dict"),
        ({"state": {"a": 1}}, "'state' is not a dictionary of tensors"),
        ({"state": None}, "'state' is not a dictionary of tensors"),
        ({"training": 3}, "'training' is not a dictionary"),
        ({"schema": {"kpt_shape": [3, 7]}}, "schema of the file contradicts itself"),
        ({"schema": {"kpt_shape": [10**9, 3]}}, "more than 10000 points"),
        ({"schema": {}}, "schema of the file contradicts itself"),
        ({"fused": None}, "'fused' is NoneType instead of bool"),
    ],
)
def test_damaged_files_of_ours_are_refused(tmp_path, changes, reason):
    save_checkpoint(tmp_path / "a.pt", example())
    top = torch.load(tmp_path / "a.pt", weights_only=True)
    torch.save({**top, **changes}, tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match=reason):
        read_checkpoint(tmp_path / "b.pt")


def test_tensors_outside_of_state_and_training_are_left_out(tmp_path):
    save_checkpoint(tmp_path / "a.pt", example())
    top = torch.load(tmp_path / "a.pt", weights_only=True)
    torch.save({**top, "metadata": {"x": torch.ones(1), "y": 1}}, tmp_path / "b.pt")
    assert read_checkpoint(tmp_path / "b.pt").metadata == {"y": 1}


def test_bare_tensors_are_refused(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="bare tensors without a posekit record"):
        read_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize("raw", [b"", b"x", bytes(100), b"\xff" * 100, b"\x02\x00\x00\x00\x00\x00\x00\x00{}rest"])
def test_damaged_files_are_refused(tmp_path, raw):
    path = tmp_path / "a.safetensors"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "[1]",
        "{}",
        '{"a": {"__pairs__": 3}}',
        "[" * 100_000,
        '{"__pairs__": [[[], 1]]}',
        '{"posekit_format": 1}',
        '{"posekit_format": 1, "names": {"__pairs__": [[1152921504606846976, "a"]]}}',
    ],
)
def test_damaged_records_are_refused(tmp_path, record):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors", metadata={"posekit": record})
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "a.safetensors")


def test_a_record_that_would_fill_the_memory_is_refused(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors", metadata={"posekit": "[" + "[]," * 2_000_000 + "1]"})
    with pytest.raises(CheckpointError, match="record of the safetensors file has 6000003 characters"):
        read_checkpoint(tmp_path / "a.safetensors")


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="not a regular file"):
        read_checkpoint(tmp_path / "a.safetensors")


def test_the_record_is_json_that_others_can_read(golden, tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", read_checkpoint(golden / "final_v8pose.pt"))
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        record = json.loads(file.metadata()["posekit"])
    assert record["task"] == "pose"
    assert record["schema"]["kpt_shape"] == [17, 3]


def test_a_missing_package_names_the_extra(golden, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    checkpoint = read_checkpoint(golden / "fused_11seg.pt")
    save_checkpoint(path, checkpoint)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(MissingExtraError, match=r'pip install "posekit\[safetensors\]"'):
        read_checkpoint(path)
    with pytest.raises(MissingExtraError):
        save_checkpoint(path, checkpoint)
