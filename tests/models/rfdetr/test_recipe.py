"""The numbers that RF-DETR networks are trained with."""

import pytest

from posekit.engine.optimizer import OptimizerChoice, build_optimizer, ruled_groups
from posekit.engine.training_batches import largest_side, sides, smallest_side
from posekit.models.rfdetr.architecture import LARGE, MEDIUM, NANO, POSE_LARGE, SMALL
from posekit.models.rfdetr.network import RFDETRNetwork
from posekit.models.rfdetr.training import recipe_for, training_settings
from small_rfdetr import SMALLEST, small_rfdetr

DINO = "backbone.0.encoder.encoder."


@pytest.mark.parametrize(
    ("architecture", "smallest", "largest"),
    [(NANO, 224, 544), (SMALL, 352, 672), (MEDIUM, 416, 736), (LARGE, 544, 864), (POSE_LARGE, 608, 928)],
)
def test_inputs_get_five_strides_smaller_and_larger(architecture, smallest, largest):
    change, stride = training_settings(architecture)["multi_scale"], architecture.stride
    side = architecture.resolution
    assert (smallest_side(side, change, stride), largest_side(side, change, stride)) == (smallest, largest)
    choice = sides(side, change, stride)
    each = [sum(value // stride == step for value in choice) for step in range(smallest // 32, largest // 32 + 1)]
    assert set(each) == {stride}  # all sides are as likely


def test_small_inputs_have_at_least_two_strides():
    change = training_settings(SMALLEST)["multi_scale"]
    assert smallest_side(64, change, 32) == 64


@pytest.fixture(scope="module")
def rates():
    """Learning rate and weight decay of each parameter of nano by its name."""
    network = RFDETRNetwork(NANO, 2, 17)
    settings = training_settings(NANO)
    groups = ruled_groups(network, recipe_for(NANO).rates, lr=settings["lr0"], weight_decay=settings["weight_decay"])
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {names[id(part)]: (group["lr"], group["weight_decay"]) for group in groups for part in group["params"]}
    assert found.keys() == set(names.values())
    return found


@pytest.mark.parametrize(
    ("name", "rate", "decay"),
    [
        (f"{DINO}embeddings.cls_token", 1.5e-4 * 0.49 * 0.8**14, 0.0),
        (f"{DINO}embeddings.patch_embeddings.projection.weight", 1.5e-4 * 0.49 * 0.8**14, 0.0),
        (f"{DINO}encoder.layer.0.mlp.fc1.weight", 1.5e-4 * 0.49 * 0.8**13, 1e-4),
        (f"{DINO}encoder.layer.11.attention.attention.key.weight", 1.5e-4 * 0.49 * 0.8**2, 1e-4),
        (f"{DINO}encoder.layer.11.attention.attention.key.bias", 1.5e-4 * 0.49 * 0.8**2, 0.0),
        (f"{DINO}encoder.layer.11.norm1.weight", 1.5e-4 * 0.49 * 0.8**2, 0.0),
        (f"{DINO}encoder.layer.11.layer_scale1.lambda1", 1.5e-4 * 0.49 * 0.8**2, 1e-4),
        (f"{DINO}layernorm.weight", 1.5e-4 * 0.49, 0.0),
        ("backbone.0.projector.stages.0.0.cv1.conv.weight", 1e-4, 1e-4),
        ("transformer.decoder.layers.0.norm1.bias", 0.7e-4, 1e-4),
        ("transformer.enc_output.3.weight", 1e-4, 1e-4),
        ("keypoint_head.coord_head.layers.2.bias", 1e-4, 1e-4),
        ("query_feat.weight", 1e-4, 1e-4),
    ],
)
def test_each_part_has_its_learning_rate_and_decay(rates, name, rate, decay):
    assert rates[name] == pytest.approx((rate, decay), rel=1e-9)


def test_musgd_turns_matrices_alone_at_the_rates_of_their_parts():
    network = small_rfdetr()
    choice = OptimizerChoice(name="MuSGD", lr=0.01, momentum=0.9, warmup_bias_lr=0.0)
    optimizer = build_optimizer(network, choice, weight_decay=1e-4, rates=recipe_for(SMALLEST).rates)
    groups = optimizer.param_groups
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    assert {part.dim() for group in groups if group["muon"] for part in group["params"]} == {2, 4}
    assert not {part.dim() for group in groups if not group["muon"] for part in group["params"]} & {2, 4}
    assert {group["muon"] for group in groups if group["lr"] == pytest.approx(0.007)} == {True, False}
