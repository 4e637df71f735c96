"""Tensors are fitted to another network."""

from dataclasses import replace

import pytest
import torch

from posekit.models.rfdetr.architecture import KeypointSlots, Layout
from posekit.models.rfdetr.weights import POSITIONS, adapt, build_network, cycled, fill_network
from small_rfdetr import SMALLEST, small_rfdetr

SOURCE = Layout(architecture=SMALLEST, class_rows=4, keypoints=5)


@pytest.fixture(scope="module")
def state():
    return small_rfdetr(class_rows=4).state_dict()


def fitted(state, target):
    """Fit a state, fill a network of the target layout with it, and return the state and the names that stay new."""
    made = adapt(state, SOURCE, target)
    return made, fill_network(build_network(target), made, "m.pth")


def test_the_same_layout_changes_nothing(state):
    made, new = fitted(state, SOURCE)
    assert not new
    assert all(torch.equal(made[name], tensor) for name, tensor in state.items())


def test_class_rows_are_repeated_in_order_or_cut():
    rows = torch.arange(3)
    assert cycled(rows, 5).tolist() == [0, 1, 2, 0, 1]
    assert cycled(rows, 2).tolist() == [0, 1]


@pytest.mark.parametrize("rows", [2, 7])
def test_other_classes(state, rows):
    made, new = fitted(state, replace(SOURCE, class_rows=rows))
    assert not new
    for name in ("class_embed.weight", "transformer.enc_out_class_embed.2.bias"):
        assert torch.equal(made[name], cycled(state[name], rows))


def test_fewer_queries_are_the_first_of_each_group(state):
    fewer = replace(SMALLEST, queries=4, groups=2)
    made, new = fitted(state, replace(SOURCE, architecture=fewer))
    assert not new
    for name in ("refpoint_embed.weight", "query_feat.weight"):
        groups = state[name].view(3, 9, -1)
        assert torch.equal(made[name], torch.cat((groups[0, :4], groups[1, :4])))


def test_another_resolution_resizes_the_positions(state):
    made, new = fitted(state, replace(SOURCE, architecture=replace(SMALLEST, position_grid=6)))
    assert not new
    assert made[POSITIONS].shape == (1, 37, 64)


def test_more_layers_begin_as_copies_of_the_last(state):
    made, new = fitted(state, replace(SOURCE, architecture=replace(SMALLEST, decoder_layers=4)))
    assert not new
    for index in (2, 3):
        name = "transformer.decoder.layers.{}.linear1.weight"
        assert torch.equal(made[name.format(index)], state[name.format(1)])


def test_fewer_layers_are_the_first(state):
    assert not fitted(state, replace(SOURCE, architecture=replace(SMALLEST, decoder_layers=1)))[1]


def test_other_keypoints_keep_all_but_the_last_layers(state):
    _, new = fitted(state, replace(SOURCE, keypoints=3))
    assert {name.rpartition(".")[0] for name in new} == {
        "keypoint_head.coord_head.layers.2",
        "keypoint_head.visibility_head.layers.2",
    }


def test_a_pose_model_becomes_a_detector(state):
    assert not fitted(state, replace(SOURCE, keypoints=0))[1]


def test_a_detector_starts_a_keypoint_preview(state):
    made, new = fitted(state, Layout(architecture=SMALLEST, class_rows=2, slots=KeypointSlots((0, 5))))
    assert all("keypoint" in name or ".kp_" in name or "_kp_" in name for name in new)
    name = "stages.0.0.cv1.conv.weight"
    assert torch.equal(made[f"backbone.0.cross_attn_projector.{name}"], state[f"backbone.0.projector.{name}"])
