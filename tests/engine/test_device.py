"""Where a run computes, with which arithmetic, and from which random numbers."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from posekit import YOLO
from posekit.engine.device import select_device, several_devices, warn_of_untested
from posekit.engine.precision import Precision, agrees, evaluating, problem_of
from posekit.engine.seeds import CUBLAS_KEY, capture_random_state, reproducible_kernels, restore_random_state, seed_all
from posekit.errors import CheckpointError, SettingError


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


CPU = torch.device("cpu")


def as_trainable(loaded):
    return loaded.as_trainable(loaded.network, loaded.names, loaded.schema, None)


HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


@pytest.mark.parametrize(
    ("amp", "device", "dtype", "scaled"),
    [
        (True, "cpu", None, False),
        ("bf16", "cpu", torch.bfloat16, False),
        (True, "cuda", torch.float16, True),
        ("fp16", "cuda", torch.float16, True),
        ("bf16", "cuda", torch.bfloat16, False),
        (False, "cuda", None, False),
        ("fp32", "cuda", None, False),
        ("bf16", "mps", None, False),
    ],
)
def test_the_precision_is_that_of_the_setting_where_the_device_has_it(amp, device, dtype, scaled):
    precision = Precision.of(amp, torch.device(device))
    assert (precision.dtype, precision.scaled) == (dtype, scaled)


@pytest.fixture
def model(weights):
    """Return a function that gives a network to train."""

    def make(name):
        return as_trainable(YOLO(weights(name)).loaded)

    return make


@HALF
@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo11n-pose", "yolo26n-pose", "yolo26n-seg"])
def test_networks_predict_about_the_same_in_16_bits(model, name, dtype):
    assert agrees(model(name), CPU, dtype)


@HALF
@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo26n-pose"])
def test_networks_with_fresh_weights_are_trusted(name, dtype):
    torch.manual_seed(0)
    assert agrees(as_trainable(YOLO(f"{name}.yaml").loaded), CPU, dtype)


def test_a_network_whose_numbers_do_not_fit_is_found_out(model):
    broken = model("yolov8n-pose")
    with torch.no_grad():
        broken.network.get_parameter("model.1.conv.weight").mul_(1e6)
    assert not agrees(broken, CPU, torch.float16)
    assert agrees(broken, CPU, torch.bfloat16)  # it has the range of 32 bits


@HALF
def test_kernels_that_compute_something_else_in_16_bits_are_found_out(model, dtype):
    odd = model("yolov8n-pose")
    odd.network.model[3].register_forward_hook(
        lambda module, inputs, output: output * 2 if torch.is_autocast_enabled("cpu") else output
    )
    assert not agrees(odd, CPU, dtype)


def test_the_comparison_leaves_the_network_as_it_was(model):
    asked = model("yolov8n-pose")
    asked.network.train()
    asked.network.model[0].eval()
    before = {name: tensor.clone() for name, tensor in asked.network.state_dict().items()}
    random = torch.get_rng_state()
    assert agrees(asked, CPU, torch.bfloat16)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(tensor, before[name]) for name, tensor in asked.network.state_dict().items())
    assert not asked.network.model[0].training
    assert asked.network.model[1].training
    assert asked.network.training


def test_modes_come_back_after_a_failure(model):
    network = model("yolov8n-pose").network.train()

    def fail():
        with evaluating(network):
            assert not any(module.training for module in network.modules())
            raise ArithmeticError("made up")

    with pytest.raises(ArithmeticError, match="made up"):
        fail()
    assert all(module.training for module in network.modules())


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        ("NVIDIA GeForce GTX 1660 Ti", False),
        ("NVIDIA GeForce GTX 1650", False),
        ("NVIDIA GeForce GTX 1080 Ti", True),
        ("NVIDIA GeForce RTX 3060", True),
        ("NVIDIA H200", True),
    ],
)
def test_some_consumer_gpus_are_not_trusted(name, trusted):
    assert (problem_of(name) is None) == trusted


def draw():
    return [
        random.random(), random.gauss(0, 1), float(np.random.rand()), float(np.random.randn()),
        torch.rand(3).tolist(), torch.randn(5).tolist(),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def same_numbers_after():
    state = capture_random_state()
    yield
    restore_random_state(state)


def test_a_seed_decides_all_numbers():
    seed_all(7)
    first = draw()
    seed_all(8)
    other = draw()
    seed_all(7)
    assert draw() == first
    assert all(one != two for one, two in zip(first, other, strict=True))


def test_each_process_draws_its_own_numbers():
    seed_all(3)
    alone = draw()
    seed_all(2, rank=0)
    assert draw() == alone
    seed_all(2, rank=1)
    assert draw() != alone


def test_numbers_go_on_where_their_state_was_taken_also_through_a_file(tmp_path):
    seed_all(1)
    draw()  # leaves half a pair of normal numbers behind in each generator
    torch.save(capture_random_state(), tmp_path / "state.pt")
    expected = draw()
    seed_all(99)
    restore_random_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert draw() == expected


@pytest.mark.parametrize("change", [
    lambda state: state.pop("torch"),
    lambda state: state.update(python=None),
    lambda state: state["numpy"].update(words=torch.zeros(3, dtype=torch.int64)),
    lambda state: state.update(torch=torch.zeros(3, dtype=torch.uint8)),
])  # fmt: skip
def test_a_damaged_state_is_refused(change):
    state = capture_random_state()
    change(state)
    with pytest.raises(CheckpointError, match="state of the random numbers is damaged"):
        restore_random_state(state)


@pytest.mark.parametrize("before", [None, ":16:8"])
def test_reproducible_kernels_are_on_inside_and_as_before_outside(monkeypatch, before):
    monkeypatch.delenv(CUBLAS_KEY, raising=False)
    if before:
        monkeypatch.setenv(CUBLAS_KEY, before)
    with reproducible_kernels():
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.backends.cudnn.deterministic
        assert not torch.utils.deterministic.fill_uninitialized_memory  # costs time, decides nothing
        assert os.environ[CUBLAS_KEY] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert os.environ.get(CUBLAS_KEY) == before
