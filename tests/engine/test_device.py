"""Where to compute, and memory that stays with the process there."""

import subprocess
import sys

import pytest
import torch

from posekit.engine.device import select_device, several_devices, warn_of_untested
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


@pytest.mark.parametrize(("device", "warned"), [("mps", True), ("cpu", False), ("cuda:0", False)])
def test_training_on_apple_gpus_is_warned_of(caplog, device, warned):
    warn_of_untested(torch.device(device))
    assert ("device=mps: training on Apple GPUs is untested" in caplog.text) == warned


def test_a_device_of_another_kind_is_an_error():
    with pytest.raises(SettingError, match="device=xpu: posekit computes on cpu, mps and CUDA"):
        select_device("xpu")


@pytest.mark.parametrize("device", [None, "cpu", "mps", "0", "cuda:1", "-1"])
def test_one_device_is_not_several(device):
    assert several_devices(device) == ()


def test_several_devices_have_to_be_here():
    assert several_devices("cpu,cpu,cpu") == ("cpu", "cpu", "cpu")
    with pytest.raises(SettingError, match=r"device=98: (PyTorch .* sees no CUDA device|CUDA devices here are)"):
        several_devices("cuda:98,cuda:99")


def test_no_gpu_serves_two_processes():
    with pytest.raises(SettingError, match="device=0,0: device 0 is named twice"):
        several_devices("0,0")


LAYERS = """
import resource
import torch
from posekit.engine.device import select_device

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def layers():
    before = faults()
    for _ in range(20):
        hidden = torch.ones(900_000)  # of the size that RF-DETR's blocks make
        active = hidden + hidden
        joined = hidden + active
        del hidden, active, joined
    return faults() - before

{choice}
layers()
print(layers())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is about glibc")
def test_choosing_the_processor_spares_page_faults():
    if _faults("") < 800:
        pytest.skip("here the heap happens to lie so that freed memory stays anyway")
    assert _faults("select_device('cpu')") < 200


def _faults(choice):
    command = [sys.executable, "-c", LAYERS.format(choice=choice)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
