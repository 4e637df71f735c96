"""Which arithmetic a training uses, and how it is found out whether a network can be trusted with 16 bits."""

import pytest
import torch

from posekit import YOLO
from posekit.engine.precision import Precision, agrees, evaluating, problem_of

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
