"""Multitask heads: the same branches as pose and segment heads, under names of their own."""

import pytest
import torch

from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.network import fuse_network, network_cost, silent_build
from posekit.models.yolo.presets import stock_definition
from posekit.models.yolo.weights import renamed_state, transfer_weights
from small_networks import small_network

FAMILIES = ("yolov8", "yolo11", "yolo26")
NETWORKS = [f"{family}{size}" for family in FAMILIES for size in "nsmlx"]
PICTURE = torch.linspace(0, 1, 2 * 3 * 64 * 96).view(2, 3, 64, 96)


def silent(name, nc=1):
    return silent_build(parse_definition(stock_definition(name) | {"nc": nc}))


def shapes(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_the_union_of_pose_and_segment_networks_of_the_same_size(name):
    network = silent(f"{name}-multitask")
    parts = [shapes(renamed_state(silent(f"{name}{task}"), network)) for task in ("", "-pose", "-seg")]
    union = parts[0] | parts[1] | parts[2]
    assert shapes(network.state_dict()) == {key: shape for key, shape in union.items() if not of_likelihood(key)}


def of_likelihood(name):
    """Whether a tensor belongs to the likelihood of keypoints, which pose networks of YOLO26 learn alone."""
    return "flow_model" in name or "cv4_sigma" in name


@pytest.mark.parametrize("name", [name for name in NETWORKS if name[-1] in "nx"])
def test_one_pass_costs_at_most_seven_tenths_of_two_passes(name):
    cost = {task: network_cost(fuse_network(silent(f"{name}-{task}"))).gflops for task in ("multitask", "pose", "seg")}
    assert cost["multitask"] <= 0.7 * (cost["pose"] + cost["seg"])


@pytest.mark.parametrize("family", FAMILIES)
def test_it_gives_what_the_networks_gave_that_its_branches_come_from(family):
    network, segment = small_network(f"{family}n-multitask"), small_network(f"{family}n-seg", seed=1)
    pose = small_network(f"{family}n-pose", seed=2)
    transfer_weights(pose, segment)  # one body for both, and boxes and classes of one
    for source in (segment, pose):
        transfer_weights(network, source)
    found, masks, points = network(PICTURE), segment(PICTURE), pose(PICTURE)
    for branch, raw in found.items():
        assert raw.keys() == masks[branch].keys() | points[branch].keys()
        for key in ("boxes", "scores", "mask_coefficient", "proto"):
            assert torch.equal(raw[key], masks[branch][key])
        assert torch.equal(raw["kpts"], points[branch]["kpts"])


def test_in_training_the_head_of_yolo26_gives_what_its_losses_need():
    raw = small_network("yolo26n-multitask", nc=2).train()(PICTURE)
    for branch in ("one2many", "one2one"):
        assert raw[branch]["kpts"].shape == (2, 51, raw[branch]["scores"].shape[2])
        assert "kpts_sigma" not in raw[branch]
        assert raw[branch]["semseg"].shape == (2, 2, 8, 12)
    assert not raw["one2one"]["proto"].requires_grad


@pytest.mark.parametrize("branch", ["one2many", "one2one"])
def test_the_fused_form_keeps_one_set_of_branches_and_nothing_for_training(branch):
    network = small_network("yolo26n-multitask")
    fused = fuse_network(network, branch)
    names = " ".join(fused.state_dict())
    assert not any(word in names for word in ("flow_model", "sigma", "semseg", "bn."))
    assert ("one2one_cv4_seg" in names, "one2one_cv4_pose" in names) == (branch == "one2one",) * 2
    whole, alone = network(PICTURE)[branch], fused(PICTURE)[branch]
    for key in ("boxes", "kpts", "mask_coefficient", "proto"):
        torch.testing.assert_close(alone[key], whole[key], rtol=1e-3, atol=1e-3)
