"""RF-DETR networks as the engine trains them."""

import pytest
import torch

from posekit.config.settings import TrainSettings, ValSettings
from posekit.engine.precision import agrees
from posekit.errors import NotInThisReleaseError, SettingError
from posekit.models.rfdetr.network import set_initial_weights
from posekit.sample import Batch, Targets
from posekit.schema.schema import KeypointSchema
from small_rfdetr import small_model, small_preview_model

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
