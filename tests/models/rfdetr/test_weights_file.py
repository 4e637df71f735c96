"""Files as the reference implementation writes them."""

import argparse
import types
from collections import OrderedDict

import pytest
import torch

from posekit.errors import CheckpointError, WeightsNotFoundError
from posekit.models.rfdetr.weights import read_weights_file

STATE = {"class_embed.bias": torch.arange(3.0), "_kp_active_mask": torch.zeros(0, 0, dtype=torch.bool)}


def written(path, contents):
    torch.save(contents, path)
    return path


@pytest.mark.parametrize("options", [argparse.Namespace, types.SimpleNamespace, dict])
def test_options_of_old_and_new_files(tmp_path, options):
    path = written(tmp_path / "m.pth", {"model": OrderedDict(STATE), "args": options(resolution=640), "epoch": 3})
    file = read_weights_file(path)
    assert file.options == {"resolution": 640}
    assert torch.equal(file.state["class_embed.bias"], torch.arange(3.0))
    assert file.state["_kp_active_mask"].dtype == torch.bool


def test_newer_settings_come_first(tmp_path):
    contents = {"model": STATE, "args": {"resolution": 1, "epochs": 2}, "model_config": {"resolution": 640}}
    assert read_weights_file(written(tmp_path / "m.pth", contents)).options == {"resolution": 640, "epochs": 2}


@pytest.mark.parametrize("prefix", ["module.", "model.", "model._orig_mod."])
def test_names_lose_what_wrappers_put_before_them(tmp_path, prefix):
    state = {f"{prefix}{name}": tensor for name, tensor in STATE.items()}
    assert set(read_weights_file(written(tmp_path / "m.pth", {"state_dict": state})).state) == set(STATE)


def test_a_bare_state_dict(tmp_path):
    assert set(read_weights_file(written(tmp_path / "m.pth", STATE)).state) == set(STATE)


def test_half_precision_is_widened(tmp_path):
    path = written(tmp_path / "m.pth", {"model": {"class_embed.bias": torch.ones(2, dtype=torch.float16)}})
    assert read_weights_file(path).state["class_embed.bias"].dtype == torch.float32


def test_a_file_without_tensors(tmp_path):
    with pytest.raises(CheckpointError, match="no state dict"):
        read_weights_file(written(tmp_path / "m.pth", {"epoch": 3}))


def test_a_file_that_would_run_something(tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("caught",)

    with pytest.raises(CheckpointError, match="print"):
        read_weights_file(written(tmp_path / "m.pth", {"model": STATE, "args": Trap()}))


def test_no_such_file(tmp_path):
    with pytest.raises(WeightsNotFoundError):
        read_weights_file(tmp_path / "m.pth")
