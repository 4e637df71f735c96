import pytest
import torch

from posekit.errors import ModelDefinitionError
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.network import YoloNetwork, fuse_network
from posekit.models.yolo.weights import class_layers, class_width, network_with_class_width, silent_build_for
from small_networks import small_definition, small_network

STOCK = ["yolov8n", "yolo11n-pose", "yolo26n-pose", "yolo26n-seg"]


@pytest.mark.parametrize("name", STOCK)
@pytest.mark.parametrize("classes", [1, 40])
def test_the_width_is_read_from_the_tensors(name, classes):
    network = small_network(name, nc=classes)
    assert class_width(network.state_dict()) == max(classes, 16)
    fused = fuse_network(network, network.head.branches[-1])
    assert class_width(fused.state_dict()) == max(classes, 16)
    assert class_width({}) is None


@pytest.mark.parametrize("name", STOCK)
def test_a_network_of_its_own_width_is_the_usual_one(name):
    definition = parse_definition(small_definition(name, nc=40))
    usual, made = YoloNetwork(definition), network_with_class_width(definition, 40)
    assert [(key, value.shape) for key, value in made.state_dict().items()] == [
        (key, value.shape) for key, value in usual.state_dict().items()
    ]
    assert (made.head.spec, made.definition, made.names) == (usual.head.spec, definition, usual.names)


def test_an_activation_of_the_definition_holds_in_all_branches():
    definition = parse_definition(small_definition("yolo11n-pose", nc=2) | {"activation": "nn.ReLU()"})
    kinds = {
        type(module.act).__name__
        for module in network_with_class_width(definition, 40).modules()
        if hasattr(module, "act")
    }
    assert kinds == {"ReLU", "Identity"}


@pytest.mark.parametrize("width", [16, 40])
def test_a_silent_build_fits_the_tensors_and_has_no_memory(width):
    definition = parse_definition(small_definition("yolo26n-seg", nc=2))
    state = network_with_class_width(definition, width).state_dict()
    network = silent_build_for(definition, state)
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"meta"}
    network.load_state_dict(state, assign=True)
    assert network.head.spec.nc == 2


def test_tensors_without_class_branches_ask_for_no_width():
    definition = parse_definition(small_definition("yolov8n"))
    for state in ({}, {"model.22.cv3.0.2.weight": torch.zeros(3)}):
        assert silent_build_for(definition, state).head.spec.nc == definition.nc


@pytest.mark.parametrize("width", [0, 65537])
def test_a_width_that_makes_no_sense_is_refused(width):
    with pytest.raises(ModelDefinitionError, match=f"{width} hidden channels"):
        network_with_class_width(parse_definition(small_definition("yolov8n")), width)


def test_class_layers_have_one_output_per_class():
    network = small_network("yolo26n-seg", nc=7)
    layers = class_layers(network)
    assert len(layers) == 7  # two sets of branches on three levels, and the semantic one
    assert {network.get_submodule(name).out_channels for name in layers} == {7}
    assert len(class_layers(small_network("yolov8n-pose"))) == 3
