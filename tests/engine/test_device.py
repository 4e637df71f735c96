import pytest
import torch

from posekit.engine.device import select_device
from posekit.errors import SettingError


@pytest.mark.parametrize("device", ["cpu", "CPU", " cpu "])
def test_the_processor_is_always_there(device):
    assert select_device(device) == torch.device("cpu")


def test_without_a_wish_the_best_there_is_taken():
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert select_device(None).type == best


def test_of_several_devices_the_first_is_taken_with_a_warning(caplog):
    assert select_device("cpu,cpu") == torch.device("cpu")
    assert "device=cpu,cpu: one device is used, cpu" in caplog.text


@pytest.mark.parametrize("device", ["99", "cuda:99"])
def test_a_device_that_is_not_there_is_an_error_that_says_what_is(device):
    with pytest.raises(SettingError, match=f"device={device}: (PyTorch .* sees no CUDA device|CUDA devices here are)"):
        select_device(device)


def test_a_device_of_another_kind_is_an_error():
    with pytest.raises(SettingError, match="device=xpu: posekit computes on cpu, mps and CUDA"):
        select_device("xpu")
