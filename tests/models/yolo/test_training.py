"""What is frozen, and what learns faster."""

import logging

import pytest

from posekit.errors import SettingError
from posekit.models.yolo.family import YoloTraining, fast_parameters
from small_networks import small_network


def freeze_layers(network, freeze):
    """Freeze layers, and put the network into training mode."""
    model = YoloTraining(network, None, None)
    model.freeze(freeze)
    model.train()


def frozen_layers(network):
    names = (name for name, parameter in network.named_parameters() if not parameter.requires_grad)
    return {".".join(name.split(".")[1:3]) if name.startswith("model.22.") else name.split(".")[1] for name in names}


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        (None, set()),
        (0, set()),
        ([], set()),
        (3, {"0", "1", "2"}),
        ([1, "5"], {"1", "5"}),
        (["22.cv2", 10], {"22.cv2"}),  # layer 10 enlarges and has no parameters
    ],
)
def test_what_is_named_is_frozen_and_the_bins_always(freeze, expected):
    network = small_network("yolov8n-pose")
    freeze_layers(network, freeze)
    assert frozen_layers(network) == expected | {"22.dfl"}


def test_layer_1_is_not_layer_10_or_later():
    network = small_network("yolov8n-pose")
    freeze_layers(network, [1])
    assert network.model[12].cv1.conv.weight.requires_grad


def test_frozen_batch_norms_rest_and_others_do_not():
    network = small_network("yolov8n-pose")
    freeze_layers(network, [0, "22.cv2"])
    resting = {name for name, module in network.named_modules() if name.endswith(".bn") and not module.training}
    assert resting == {"model.0.bn", *(f"model.22.cv2.{level}.{part}.bn" for level in range(3) for part in (0, 1))}
    assert network.model[0].conv.training


def test_without_freezing_no_batch_norm_rests():
    network = small_network("yolov8n-pose")
    freeze_layers(network, None)
    assert all(module.training for module in network.modules())


def test_what_was_frozen_elsewhere_is_trained_with_a_warning(caplog):
    network = small_network("yolov8n-pose")
    network.model[4].requires_grad_(False)
    with caplog.at_level(logging.WARNING, logger="posekit"):
        freeze_layers(network, 2)
    assert frozen_layers(network) == {"0", "1", "22.dfl"}
    assert "model.4.cv1.conv.weight was frozen" in caplog.text
    assert "dfl" not in caplog.text


@pytest.mark.parametrize("freeze", [23, ["22.cv9"], [-1], [40]])
def test_layers_that_do_not_exist_or_all_of_them_are_refused(freeze):
    with pytest.raises(SettingError, match="freeze="):
        freeze_layers(small_network("yolov8n-pose"), freeze)


def test_class_branches_of_the_head_are_boosted_and_nothing_that_shares_their_name():
    names = fast_parameters(small_network("yolo26n-seg"))
    assert {name.split(".")[2] for name in names} == {"cv3", "one2one_cv3", "proto"}
    assert {name.split(".")[3] for name in names if ".proto." in name} == {"semseg"}
    assert {name.split(".")[1] for name in names} == {"23"}
    assert "model.23.cv3.0.2.bias" in names
