"""The network that predicts is made anew exactly when something that matters has changed."""

import pytest
import torch

from posekit.config.settings import PredictSettings
from posekit.errors import SettingError
from posekit.models.yolo.family import LoadedModel
from posekit.schema.schema import COCO_PERSON, KeypointSchema
from small_networks import small_network

CPU = torch.device("cpu")


@pytest.fixture
def loaded():
    return LoadedModel(network=small_network("yolo26n-pose"), schema=COCO_PERSON)


@pytest.fixture
def ready(loaded):
    """Return a function that asks for the ready network."""
    return lambda **settings: loaded.ready(PredictSettings(**settings), CPU)


def test_it_is_kept_while_only_the_run_changes(ready):
    first = ready()
    assert ready(conf=0.5, imgsz=64, max_det=2, nms=None, precision=16) is first


def test_the_network_itself_is_left_as_it_is(loaded, ready):
    loaded.network.train()
    ready()
    assert loaded.network.training
    assert loaded.network.head.branches == ("one2many", "one2one")


def test_either_set_of_branches_is_another_network(ready):
    assert ready().branch == "one2many"
    assert ready(nms=False).branch == "one2one"


@torch.no_grad()
def write_into(loaded):
    loaded.network.model[0].conv.weight.add_(1)


def load_state(loaded):
    loaded.network.load_state_dict(loaded.network.state_dict())


def replace_parameter(loaded):
    loaded.network.model[0].conv.weight = torch.nn.Parameter(torch.zeros_like(loaded.network.model[0].conv.weight))


def move_statistics(loaded):
    loaded.network.model[0].bn.running_mean.add_(1)


def rename(loaded):
    loaded.network.names[0] = "human"


def replace_network(loaded):
    loaded.network = small_network("yolo26n-pose", seed=1)


def replace_schema(loaded):
    loaded.schema = KeypointSchema(shape=(17, 3))


CHANGES = [write_into, load_state, replace_parameter, move_statistics, rename, replace_network, replace_schema]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_model_counts(loaded, ready, change):
    first = ready()
    change(loaded)
    second = ready()
    assert second is not first
    assert ready() is second


def test_weights_made_in_inference_mode_are_taken_as_they_are():
    with torch.inference_mode():
        loaded = LoadedModel(network=small_network(), schema=COCO_PERSON)
    assert loaded.ready(PredictSettings(), CPU).task == "pose"


def test_a_missing_set_of_branches_is_an_error_and_the_other_goes_on_working():
    loaded = LoadedModel(network=small_network(), schema=COCO_PERSON)
    first = loaded.ready(PredictSettings(), CPU)
    with pytest.raises(SettingError, match="only the one2many branches of its head: predict with nms=True"):
        loaded.ready(PredictSettings(nms=False), CPU)
    assert loaded.ready(PredictSettings(), CPU) is first
