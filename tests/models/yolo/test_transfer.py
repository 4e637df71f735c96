from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from golden.fill import fill_state
from golden.networks import KEEP
from posekit.errors import CheckpointError
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.network import YoloNetwork, fuse_network
from posekit.models.yolo.presets import stock_definition
from posekit.models.yolo.weights import build_for_training, copy_input_channels, transfer_weights
from small_networks import small_definition, small_network

GOLDEN = np.load(Path(__file__).parents[2] / "golden/train/transfer.npz")
# case: stock network, classes and keypoints of the source, those of the new network
CASES = {
    "pose11_same": ("yolo11n-pose", (1, (17, 3)), (1, (17, 3))),
    "pose11_k5": ("yolo11n-pose", (1, (17, 3)), (2, (5, 3))),
    "pose26_k5": ("yolo26n-pose", (1, (17, 3)), (2, (5, 3))),
    "pose26_k24": ("yolo26n-pose", (1, (17, 3)), (1, (24, 3))),
    "seg11_nc80_to_2": ("yolo11n-seg", (80, None), (2, None)),
    "seg26_nc80_to_2": ("yolo26n-seg", (80, None), (2, None)),
    "seg8_remap": ("yolov8n-seg", (3, None), (2, None)),
}
REMAP = ({0: "cat", 1: "dog", 2: "Cow "}, {0: "cow", 1: "bird"})


def numbered(count):
    return {index: str(index) for index in range(count)}


def source_network(stock, classes, kpt_shape):
    network = YoloNetwork(parse_definition(stock_definition(stock)).with_classes(classes, kpt_shape))
    fill_state(network.state_dict(), KEEP, lift=1.0)
    return network


def taken_over(network, before, source):
    """Return which tensors are the source's now; those that nothing was written to are not."""
    return {
        name: tensor.shape == source[name].shape
        and torch.equal(tensor, source[name])
        and (not torch.equal(before[name], source[name]) or name.endswith(("num_batches_tracked", *KEEP)))
        for name, tensor in network.state_dict().items()
    }


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_tensors_are_taken_over(case):
    stock, of_source, (classes, kpt_shape) = CASES[case]
    source = source_network(stock, *of_source)
    names = numbered(classes)
    if case == "seg8_remap":
        source.names, names = REMAP
    network = build_for_training(source.definition, names=names, kpt_shape=kpt_shape, source=source)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    counts = transfer_weights(network, source)
    found = taken_over(network, before, source.state_dict())
    expected = dict(zip(GOLDEN[f"{case}/keys"].tolist(), GOLDEN[f"{case}/transferred"].tolist(), strict=True))
    assert list(found) == list(expected)
    assert found == expected
    assert (counts.copied, counts.total) == (sum(expected.values()), len(expected))
    usual = YoloNetwork(source.definition.with_classes(classes, kpt_shape)).state_dict()
    rebuilt = [name for name, tensor in network.state_dict().items() if tensor.shape != usual[name].shape]
    assert rebuilt == [name for name in GOLDEN[f"{case}/rebuilt_wider_or_narrower"].tolist() if name]


def test_rows_of_classes_follow_their_names_as_recorded():
    source = source_network("yolov8n-seg", 3, None)
    source.names, names = REMAP
    layer, of_source = "model.22.cv3.0.2", {}
    for part, kind in (("weight", "rows"), ("bias", "bias")):
        of_source[part] = torch.from_numpy(GOLDEN[f"seg8_remap/cls_{kind}_source"])
        source.get_parameter(f"{layer}.{part}").data.copy_(of_source[part])
    network = build_for_training(source.definition, names=names, kpt_shape=None, source=source)
    fresh = network.get_parameter(f"{layer}.weight")[1].clone()
    assert transfer_weights(network, source).classes == 1
    weight, bias = network.get_parameter(f"{layer}.weight"), network.get_parameter(f"{layer}.bias")
    assert torch.equal(weight[0], torch.from_numpy(GOLDEN["seg8_remap/cls_rows_target"])[0])
    assert torch.equal(weight[1], fresh)
    np.testing.assert_allclose(bias.detach(), GOLDEN["seg8_remap/cls_bias_target"], rtol=1e-5)


def small_pair(names, source_names, stock="yolo26n-seg"):
    source = small_network(stock, nc=len(source_names), seed=1)
    source.names = dict(enumerate(source_names))
    network = build_for_training(source.definition, names=dict(enumerate(names)), kpt_shape=None, source=source)
    return network, source


def test_all_branches_and_the_semantic_one_follow_the_names():
    network, source = small_pair(["bird", "CAT", "dog"], ["dog", "cat"])
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert transfer_weights(network, source).classes == 2
    for layer in ("cv3.1.2", "one2one_cv3.1.2", "proto.semseg.2"):
        for part in ("weight", "bias"):
            name = f"model.23.{layer}.{part}"
            found, given = network.get_parameter(name), source.get_parameter(name)
            assert torch.equal(found[[1, 2]], given[[1, 0]])
            assert torch.equal(found[0], fresh[name][0])


def test_reordered_classes_do_not_take_over_rows_by_position():
    network, source = small_pair(["dog", "cat"], ["cat", "dog"])
    transfer_weights(network, source)
    name = "model.23.cv3.0.2.weight"
    assert torch.equal(network.get_parameter(name), source.get_parameter(name)[[1, 0]])


@pytest.mark.parametrize("remap", [True, False])
@pytest.mark.parametrize("names", [["salmon", "trout"], ["cat", "horse"], ["cat", "dog"]])
def test_classes_that_keep_their_place_take_over_whole_tensors(names, remap):
    network, source = small_pair(names, ["cat", "dog"])
    counts = transfer_weights(network, source, remap_classes=remap)
    assert (counts.copied, counts.classes) == (counts.total, 0)


def test_names_do_not_matter_when_they_are_not_to():
    network, source = small_pair(["dog", "cat"], ["cat", "dog"])
    assert transfer_weights(network, source, remap_classes=False).classes == 0
    name = "model.23.cv3.0.2.weight"
    assert torch.equal(network.get_parameter(name), source.get_parameter(name))


def test_more_classes_keep_the_narrow_branches_of_their_source():
    source = small_network("yolov8n-pose", nc=1)
    usual = YoloNetwork(source.definition.with_classes(40, (17, 3)))
    network = build_for_training(source.definition, names=numbered(40), kpt_shape=(17, 3), source=source)
    width = source.get_parameter("model.22.cv3.0.2.weight").shape[1]
    assert network.get_parameter("model.22.cv3.0.2.weight").shape == (40, width, 1, 1)
    assert usual.get_parameter("model.22.cv3.0.2.weight").shape == (40, 40, 1, 1)
    assert network.head.spec.nc == network.definition.nc == len(network.names) == 40
    raw = network.eval()(torch.zeros(1, 3, 64, 64))["one2many"]
    assert raw["scores"].shape[1] == 40


def test_biases_of_a_rebuilt_head_start_as_in_a_new_one():
    source = small_network("yolo26n-seg", nc=80)
    network = build_for_training(source.definition, names=numbered(2), kpt_shape=None, source=source)
    for branch in ("", "one2one_"):
        for level, stride in enumerate((8, 16, 32)):
            scores = network.get_parameter(f"model.23.{branch}cv3.{level}.2.bias")
            assert torch.allclose(scores, torch.tensor(5 / 2 / (640 / stride) ** 2).log())
            assert (network.get_parameter(f"model.23.{branch}cv2.{level}.2.bias") == 2.0).all()
    for part in ("weight", "bias"):
        twins = [network.get_parameter(f"model.23.{branch}cv3.0.2.{part}") for branch in ("", "one2one_")]
        assert torch.equal(*twins)


def test_another_size_of_network_keeps_its_own_widths():
    source = small_network("yolo11n-seg", nc=80)
    definition = parse_definition(small_definition("yolo11n-seg") | {"scales": {"t": [0.33, 0.125, 1024]}})
    network = build_for_training(definition, names=numbered(2), kpt_shape=None, source=source)
    assert network.state_dict().keys() == YoloNetwork(definition).state_dict().keys()
    assert network.get_parameter("model.23.cv3.0.2.weight").shape[1] == 32


def test_a_detector_gives_its_body_to_a_pose_network():
    source = small_network("yolov8n", nc=1)
    definition = parse_definition(small_definition("yolov8n-pose"))
    network = build_for_training(definition, names={0: "person"}, kpt_shape=(5, 2), source=source)
    counts = transfer_weights(network, source)
    assert counts.copied == len(source.state_dict())
    assert counts.total > counts.copied
    assert (network.names, network.head.spec.kpt_shape) == ({0: "person"}, (5, 2))


def test_fused_weights_are_refused():
    source = small_network("yolov8n-pose")
    fused = fuse_network(source)
    network = build_for_training(source.definition, names={0: "a", 1: "b"}, kpt_shape=(17, 3), source=fused)
    with pytest.raises(CheckpointError, match="Load the unfused file"):
        transfer_weights(network, fused)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_first_convolution_for_other_channels_takes_over_what_it_can(channels):
    source, network = (small_network("yolov8n-pose", seed=seed) for seed in (1, 2))
    network.model[0].conv = nn.Conv2d(channels, 8, 3, 2, 1, bias=False)
    fresh = network.model[0].conv.weight.detach().clone()
    counts = transfer_weights(network, source)
    found, given = network.model[0].conv.weight, source.model[0].conv.weight
    if channels == 1:
        torch.testing.assert_close(found, given.sum(1, keepdim=True))
    else:
        assert torch.equal(found[:, :3], given[:, :channels])
        assert torch.equal(found[:, 3:], fresh[:, 3:])
    assert counts.copied == counts.total - 1


def test_filters_of_another_size_are_left():
    target = torch.zeros(8, 1, 3, 3)
    for source in (torch.ones(4, 3, 3, 3), torch.ones(8, 3, 5, 5)):
        copy_input_channels(target, source)
        assert (target == 0).all()
