"""Networks have the published keys, numbers, sizes and arithmetic; folding batch norms changes nothing but the form."""

import gc
import json

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from golden.networks import (
    FOLDER,
    RECORDED,
    STOCK,
    assert_recorded,
    build_recorded,
    checksums,
    golden_input,
    golden_network,
    raw_arrays,
    recorded_keys,
)
from posekit.models.yolo.decode import DecodeRule, anchor_points, decode_dense, decode_keypoints, detect_one2one
from posekit.models.yolo.definition import parse_definition
from posekit.models.yolo.network import fuse_network, is_fused, network_cost, silent_build
from posekit.models.yolo.presets import stock_definition
from posekit.models.yolo.weights import renamed_state, transfer_weights
from posekit.ops.nms import Suppression
from small_networks import small_network

RAW = {"absolute": 1e-4, "relative": 1e-5}
# A keypoint is up to 64 times its raw value away from its anchor point, and may end near 0: float noise of
# 1.5e-5 in raw values, well inside their tolerance, is 1e-3 pixels there whatever the coordinate.
DECODED = {"absolute": 1e-3, "relative": 1e-4}
SCORE = 1e-5


def run_in_both_forms(network, images):
    """Return the outputs of the inference path and of the training path with frozen batch norms."""
    with torch.no_grad():
        plain = network(images)
        network.head.training = True
        if hasattr(network.head, "proto"):
            network.head.proto.eval()
        training = network(images)
        network.head.training = False
    return plain, training


def best_rows(raw, rule, strides, *, agnostic=False):
    """Return (B, k, 6 + extra): x1 y1 x2 y2 score class, then keypoints and mask coefficients; best score first."""
    anchors, choice, rows = anchor_points(raw["feats"], strides), Suppression(conf=0, agnostic=agnostic), []
    for index in range(len(raw["scores"])):
        single = {key: value[index] for key, value in raw.items() if key != "feats"}
        found, where = detect_one2one(single, anchors, rule, choice)
        parts = [found.boxes, found.scores[:, None], found.classes[:, None]]
        if "kpts" in raw:
            parts.append(decode_keypoints(single["kpts"][:, where], anchors.take(where), rule).flatten(0, 1).T)
        if "mask_coefficient" in raw:
            parts.append(single["mask_coefficient"][:, where].T)
        rows.append(torch.cat(parts, 1))
    return torch.stack(rows)


def decoded_arrays(network, outputs):
    rule, strides = DecodeRule.of(network.head.spec), network.strides
    arrays = {"decoded": decode_dense(outputs["one2many"], rule, strides)}
    if "one2one" in outputs:
        arrays["decoded_end2end"] = best_rows(outputs["one2one"], rule, strides)
        arrays["decoded_end2end_agnostic"] = best_rows(outputs["one2one"], rule, strides, agnostic=True)
    if "proto" in outputs["one2many"]:
        arrays["proto"] = outputs["one2many"]["proto"]
    return arrays


@pytest.mark.parametrize("name", [*STOCK, *(name for name in RECORDED if "_k" in name)])
def test_keys_shapes_types_and_order_are_the_published_ones(name):
    recorded = recorded_keys(name)
    with torch.device("meta"):
        network = build_recorded(name)
    keys = [
        [key, list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in network.state_dict().items()
    ]
    assert keys == recorded["keys"]
    assert list(network.strides) == recorded["stride"]
    assert sum(parameter.numel() for parameter in network.parameters()) == recorded["parameters"]


@pytest.mark.parametrize("name", STOCK)
def test_every_stock_network_matches_its_checksums(name):
    expected = checksums()[name]
    network = golden_network(name)
    plain, training = run_in_both_forms(network, golden_input(64, 64))
    arrays = raw_arrays(training) | decoded_arrays(network, plain)
    assert set(expected) <= set(arrays)
    for key, record in expected.items():
        flat = arrays[key].numpy().reshape(-1)
        assert list(arrays[key].shape) == record["shape"]
        tolerance = DECODED if key.startswith("decoded") else RAW
        np.testing.assert_allclose(
            flat[record["index"]], record["value"], atol=tolerance["absolute"], rtol=tolerance["relative"], err_msg=key
        )
        assert abs(flat.sum(dtype=np.float64) - record["sum"]) <= 1e-4 * record["mean_abs"] * flat.size
        assert abs(np.abs(flat).mean(dtype=np.float64) - record["mean_abs"]) <= 1e-4 * record["mean_abs"]
    index, value = np.array(expected["decoded"]["index"]), np.array(expected["decoded"]["value"])
    channel = index // expected["decoded"]["shape"][2]
    scores = (channel >= 4) & (channel < 4 + network.head.spec.nc)
    np.testing.assert_allclose(arrays["decoded"].numpy().reshape(-1)[index[scores]], value[scores], atol=SCORE, rtol=0)
    del network, arrays, plain, training
    gc.collect()


@pytest.mark.parametrize("name", RECORDED)
def test_outputs_equal_the_recorded_arrays(name):
    with np.load(FOLDER / "models" / f"{name}.npz") as file:
        size = (64, 64) if name.endswith("-seg") or "-pose" not in name or "_k" in name else (128, 160)
        network = golden_network(name)
        plain, training = run_in_both_forms(network, golden_input(*size))
        stored = {key.split("/")[0] for key in file if not key.startswith("train_")}
        raw, decoded = raw_arrays(training), decoded_arrays(network, plain)
        assert stored == (raw | decoded).keys()
        for key, array in raw.items():
            assert_recorded(file, key, array, **RAW)
        for key, array in decoded.items():
            assert_recorded(file, key, array, **(RAW if key == "proto" else DECODED))


@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo11n-pose", "yolo26n-pose"])
def test_a_training_forward_equals_the_recording_and_moves_batch_statistics(name):
    network = golden_network(name).train()
    with torch.no_grad():
        outputs = network(golden_input(128, 160, seeds=(0, 1)))
    branch = "one2one" if "one2one" in outputs else "one2many"
    prefix = "train_one2one_" if branch == "one2one" else "train_"
    with np.load(FOLDER / "models" / f"{name}.npz") as file:
        stored = {key.split("/")[0] for key in file if key.startswith("train_") and not key.startswith("train_state:")}
        assert {prefix + key for key in outputs[branch] if key != "feats"} >= stored
        for key in stored:
            array = outputs[branch][key.removeprefix(prefix)]
            assert_recorded(file, key, array, absolute=1e-3, relative=1e-4)
        states = {key.split("/")[0] for key in file if key.startswith("train_state:")}
        assert states
        for key in states:
            array = network.state_dict()[key.removeprefix("train_state:")]
            assert_recorded(file, key, array, absolute=1e-3, relative=1e-4)


def test_another_picture_gives_other_numbers():
    network = golden_network("yolo11n-pose")
    with torch.no_grad():
        first, second = (network(golden_input(64, 64, seeds=(seed,)))["one2many"]["scores"] for seed in (0, 1))
    assert (first - second).abs().max() > 1e-2


def test_one2one_branches_send_no_gradient_into_the_body():
    network = golden_network("yolo26n-pose").train()
    outputs = network(golden_input(64, 64))
    outputs["one2one"]["boxes"].sum().backward()
    assert network.model[0].conv.weight.grad is None
    outputs = network(golden_input(64, 64))
    outputs["one2many"]["boxes"].sum().backward()
    assert network.model[0].conv.weight.grad.abs().sum() > 0


def test_a_batch_gives_what_its_pictures_give_alone():
    network = golden_network("yolov8n-pose")
    with torch.no_grad():
        together = network(golden_input(64, 96, seeds=(0, 1)))["one2many"]["kpts"]
        alone = [network(golden_input(64, 96, seeds=(seed,)))["one2many"]["kpts"] for seed in (0, 1)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("branch", ["one2many", "one2one"])
@pytest.mark.parametrize("name", ["yolo26n-pose", "yolo26n-seg", "yolo26n"])
def test_a_fused_yolo26_keeps_one_set_of_branches_and_its_outputs(name, branch):
    network = golden_network(name)
    fused = fuse_network(network, branch)
    with torch.no_grad():
        plain, folded = network(golden_input(64, 96)), fused(golden_input(64, 96))
    assert set(folded) == {branch}
    keys = set(fused.state_dict())
    assert not any(".bn." in key or "sigma" in key or "flow" in key or "semseg" in key for key in keys)
    assert any(".one2one_" in key for key in keys) == (branch == "one2one")
    for key, value in folded[branch].items():
        if key != "feats":
            torch.testing.assert_close(value, plain[branch][key], atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("name", ["yolov8n-pose", "yolo11n-seg"])
def test_fused_and_plain_decode_alike(name):
    network = golden_network(name)
    fused = fuse_network(network)
    rule = DecodeRule.of(network.head.spec)
    with torch.no_grad():
        plain, folded = (net(golden_input(96, 64))["one2many"] for net in (network, fused))
    torch.testing.assert_close(
        decode_dense(folded, rule, fused.strides), decode_dense(plain, rule, network.strides), atol=5e-3, rtol=1e-4
    )


def test_fusing_leaves_the_original_untouched():
    network = golden_network("yolo26n-pose")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fuse_network(network)
    assert not is_fused(network)
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


COSTS = json.loads((FOLDER / "costs.json").read_text())


def without_memory(name):
    with torch.device("meta"):
        return build_recorded(name).eval()


def convolution_macs(network):
    """Return the multiply-adds of all convolutions for one picture of 64x64, as PyTorch counts them."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, 64, 64, device="meta"))
    return counter.get_flop_counts()["Global"][torch.ops.aten.convolution] // 2


@pytest.mark.parametrize("name", STOCK)
def test_parameters_and_multiply_adds_are_the_recorded_ones(name):
    network = without_memory(name)
    fused = fuse_network(network)
    assert convolution_macs(network) == COSTS[name]["conv_macs_64"]
    assert convolution_macs(fused) == COSTS[name]["fused_conv_macs_64"]
    assert sum(parameter.numel() for parameter in network.parameters()) == COSTS[name]["parameters"]
    assert sum(parameter.numel() for parameter in fused.parameters()) == COSTS[name]["fused_parameters"]


@pytest.mark.parametrize("name", ["yolov8n-pose", "yolov8x-pose-p6", "yolo11m-seg", "yolo26n-pose", "yolo26s-seg"])
def test_gflops_at_640_are_the_recorded_ones(name):
    network = without_memory(name)
    assert network_cost(network).gflops == pytest.approx(COSTS[name]["gflops"], abs=6e-4)
    assert network_cost(fuse_network(network)).gflops == pytest.approx(COSTS[name]["fused_gflops"], abs=6e-4)


@pytest.mark.parametrize(
    ("name", "layers"), [("yolov8n-pose", 144), ("yolo11s-pose", 196), ("yolo26n-pose", 363), ("yolo26s-seg", 309)]
)
def test_layers_count_modules_without_children_and_the_shared_activation_once(name, layers):
    assert network_cost(without_memory(name)).layers == layers


def test_fusing_takes_the_batch_norms_off_the_count():
    assert network_cost(fuse_network(without_memory("yolov8n-pose"))).layers == 81


def test_log_density_equals_the_recording():
    with np.load(FOLDER / "realnvp.npz") as file:
        flow = golden_network("yolo26n-pose").head.flow_model
        with torch.no_grad():
            density = flow.log_prob(torch.from_numpy(file["x"]))
        np.testing.assert_allclose(density.numpy(), file["log_prob"], atol=1e-4, rtol=1e-4)


def test_density_of_a_fresh_flow_integrates_to_one():
    flow = golden_network("yolo26n-pose").head.flow_model
    torch.manual_seed(0)
    fresh = type(flow)()
    axis = torch.linspace(-6, 6, 241)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        mass = fresh.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert abs(float(mass) - 1) < 1e-2


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
