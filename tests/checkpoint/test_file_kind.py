import pytest

from posekit.checkpoint.checkpoint import read_checkpoint
from posekit.errors import CheckpointError


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n  <HTML><body>404", "web page"),
        (b"\x08\x08\x12\x07pytorch", "ONNX"),
        (b"\x1c\x00\x00\x00TFL3\x14", "TensorFlow Lite"),
        (b"\x60\x01\x00\x00\x00\x00\x00\x00{", "safetensors.*rename"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x05\x06" + bytes(18), "empty ZIP"),
        (b"\x80\x04\x95", "bare pickle"),
        (b"\x93NUMPY", "NumPy"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, head, words):
    path = tmp_path / "weights.pt"
    path.write_bytes(head)
    with pytest.raises(CheckpointError, match=rf"this is .*{words}"):
        read_checkpoint(path)


def test_unknown_bytes_stay_unnamed(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"\x01hello world")
    with pytest.raises(CheckpointError, match=r"of an unknown kind; expected was a \.pt file"):
        read_checkpoint(path)
