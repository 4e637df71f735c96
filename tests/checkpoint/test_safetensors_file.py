import json
import os
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from posekit.checkpoint.checkpoint import read_checkpoint, save_checkpoint
from posekit.errors import CheckpointError, MissingExtraError


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
