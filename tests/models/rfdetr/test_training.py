"""RF-DETR networks as the engine trains them, and the numbers that they are trained with."""

import pytest
import torch

from posekit.config.settings import TrainSettings, ValSettings
from posekit.engine.optimizer import OptimizerChoice, build_optimizer, ruled_groups
from posekit.engine.precision import agrees
from posekit.engine.training_batches import largest_side, sides, smallest_side
from posekit.errors import NotInThisReleaseError, SettingError
from posekit.models.rfdetr.architecture import LARGE, MEDIUM, NANO, POSE_LARGE, SMALL
from posekit.models.rfdetr.network import RFDETRNetwork, set_initial_weights
from posekit.models.rfdetr.training import recipe_for, training_settings
from posekit.sample import Batch, Targets
from posekit.schema.schema import KeypointSchema
from small_rfdetr import SMALLEST, small_model, small_preview_model, small_rfdetr

CPU = torch.device("cpu")


def trainable(**options):
    model = small_model(**options)
    return model.as_trainable(model.network, model.names, model.schema, None)


def targets_of(count, keypoints):
    return Targets(
        pictures=torch.zeros(count, dtype=torch.int64),
        classes=torch.zeros(count, dtype=torch.int64),
        boxes=torch.full((count, 4), 0.5),
        keypoints=torch.zeros(count, keypoints, 3) if keypoints else None,
    )


@pytest.mark.parametrize("objects", [0, 1])
@pytest.mark.parametrize("keypoints", [0, 17])
def test_every_parameter_gets_a_gradient_from_every_batch(keypoints, objects):
    model = trainable(keypoints=keypoints)
    model.freeze(None)
    model.train()
    criterion = model.criterion(TrainSettings(), (0.05,) * keypoints or None, torch.ones(1))
    losses = criterion(model.network(torch.rand(2, 3, 64, 64)), targets_of(objects, keypoints))
    losses.total.sum().backward()
    trained = {name: part for name, part in model.network.named_parameters() if part.requires_grad}
    assert [name for name, part in trained.items() if part.grad is None] == []
    assert [name.rpartition(".")[2] for name, part in model.network.named_parameters() if name not in trained] == [
        "mask_token"
    ]


def test_the_losses_of_a_measured_batch_are_those_of_the_last_layer():
    model = trainable()
    criterion = model.criterion(TrainSettings(), (0.05,) * 17, torch.ones(1))
    measured = model.validation(model.network.eval(), CPU, ValSettings())
    batch = Batch(images=torch.rand(2, 3, 64, 64), samples=[], letterboxes=[])
    losses = criterion(measured.run(batch, ValSettings()), targets_of(2, 17))
    assert tuple(losses.items) == criterion.names
    assert all(value.isfinite() for value in losses.items.values())


def test_parts_are_frozen_by_name():
    model = trainable()
    model.freeze(["backbone", "transformer.decoder"])
    trained = {name for name, part in model.network.named_parameters() if part.requires_grad}
    assert trained
    assert not any(name.startswith(("backbone.", "transformer.decoder.")) for name in trained)
    model.freeze(None)
    assert any(name.startswith("backbone.") for name, part in model.network.named_parameters() if part.requires_grad)


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        (3, "have names"),
        ((0, "backbone"), "have names"),
        (("back",), "there is no back; parts are refpoint_embed, "),
        (("",), "there is no "),
    ],
)
def test_parts_that_are_not_there_are_refused(freeze, message):
    with pytest.raises(SettingError, match=message):
        trainable().freeze(freeze)


def test_pictures_are_read_as_they_are_unless_they_are_larger_than_crops_need():
    model = trainable()
    assert model.placing.load_size((300, 500), 64) == (300, 500)
    assert model.placing.load_size((1200, 3000), 64) == (600, 1500)
    assert model.placing.load_size((1200, 3000), 928) == (928, 2320)


def test_gains_of_yolo_have_no_effect_and_are_told(caplog):
    trainable().criterion(TrainSettings(box=5.0, kobj=2.0), (0.05,) * 17, torch.ones(1))
    assert "box, kobj: no effect on RF-DETR networks" in caplog.text


def test_sixteen_bits_can_be_compared_with_thirty_two():
    model = trainable()
    set_initial_weights(model.network)
    assert agrees(model, CPU, torch.bfloat16)


def test_a_network_for_a_data_set_takes_over_what_fits(caplog):
    caplog.set_level("INFO")
    schema = KeypointSchema(shape=(4, 2), names=("a", "b", "c", "d"))
    source = small_model()
    made = source.trainable(
        names={0: "cat", 1: "dog"}, schema=schema, pretrained=source, settings=TrainSettings(imgsz=96)
    )
    assert "Transferred" in caplog.text
    assert made.layout.architecture.resolution == 96
    assert (made.network.class_rows, made.network.keypoints, made.schema.shape) == (3, 4, (4, 3))
    own, theirs = made.network.state_dict(), source.network.state_dict()
    name = "transformer.decoder.layers.1.linear1.weight"
    assert torch.equal(own[name], theirs[name])
    assert torch.equal(own["class_embed.weight"], theirs["class_embed.weight"][[0, 1, 0]])


def test_the_preview_cannot_be_trained_and_says_so():
    with pytest.raises(NotInThisReleaseError, match="preview"):
        small_preview_model().trainable(names={0: "person"}, schema=None, pretrained=None, settings=TrainSettings())


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
