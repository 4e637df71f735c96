"""The keypoint preview: its network, its keypoints per class, its costs and losses."""

from functools import partial

import numpy as np
import pytest
import torch

from golden.networks import assert_recorded
from golden.rfdetr_files import (
    PREVIEWS,
    arrays,
    assert_matches,
    build,
    every,
    golden_network,
    outputs_of,
    picture,
    recorded_keys,
    recorded_targets,
    tensors,
)
from posekit.errors import ShapeError
from posekit.models.rfdetr.architecture import KeypointSlots
from posekit.models.rfdetr.losses import match
from posekit.models.rfdetr.network import Outputs, Predictions
from posekit.models.rfdetr.preview_losses import PREVIEW_WEIGHTS, pairwise_errors, preview_cost, preview_criterion
from posekit.sample import Targets
from small_rfdetr import SMALLEST, small_preview

SLOTS = KeypointSlots((0, 3, 2))


@pytest.mark.parametrize("counts", [(17,), (0, 17), (0, 5, 3), (4, 0, 4)])
def test_the_mask_gives_the_slots_back(counts):
    assert KeypointSlots.from_mask(KeypointSlots(counts).mask()) == KeypointSlots(counts)


def test_keypoints_of_other_classes_are_hidden_but_the_query_is_seen_by_all():
    blocked = SLOTS.blocked()
    assert not blocked[0].any()
    assert not blocked[:, 0].any()
    assert not blocked[1:4, 1:4].any()
    assert blocked[1:4, 4:].all()
    assert blocked[4:, 1:4].all()
    assert not KeypointSlots((0, 17)).blocked().any()


def test_places_name_each_token_once_and_unused_ones_the_empty_token():
    assert SLOTS.places().tolist() == [5, 5, 5, 0, 1, 2, 3, 4, 5]


def test_membership_sums_the_tokens_of_a_class():
    sums = torch.tensor([1.0, 2, 4, 8, 16]) @ SLOTS.membership(4)
    assert sums.tolist() == [0, 7, 24, 0]


TOLERANCE = {"absolute": 1e-4, "relative": 0}
PREDICTED = {"absolute": 1e-3, "relative": 0}
PARAMETERS = {"keypoint_preview": 40_724_248, "keypoint_default": 41_044_470}
FIRST = 12  # queries whose keypoints are recorded
DECODER = "transformer.decoder.layers"


@pytest.mark.parametrize("variant", PREVIEWS)
def test_keys_and_parameters_are_the_published_ones(variant):
    shapes, booleans = recorded_keys(variant)
    network = build(variant)
    state = network.state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes
    assert {name for name, tensor in state.items() if tensor.dtype == torch.bool} == booleans
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[variant]


@pytest.fixture(scope="module")
def traced():
    """Return what the network and its modules gave."""
    network = golden_network("keypoint_preview")
    names = [
        "backbone.0.projector",
        "backbone.0.cross_attn_projector",
        "transformer.keypoint_query_initializer",
        "transformer.keypoint_query_initializer_enc",
        "transformer.enc_out_keypoint_embed.0",
        "keypoint_embed",
        *(f"{DECODER}.0.{name}" for name in ("kp_inst_self_attn", "kp_inst_norm", "kp_norm", "kp_cross_attn")),
        *(f"{DECODER}.{index}.{name}" for index in (0, 3) for name in ("kp_inst_norm", "kp_norm5")),
    ]
    read = outputs_of(network, *names)
    with torch.no_grad():
        outputs = network.all_layers(picture("eval_keypoint_preview", 576, 576))
    return outputs, {name: parts[-1] if name != "keypoint_embed" else parts for name, parts in read.items()}


def assert_outputs(outputs, stored):
    suffixes = ["", *(f"_{index}" for index in range(3)), "_enc"]
    for suffix, found in zip(suffixes, [outputs.last, *outputs.auxiliary, outputs.encoder], strict=True):
        name = f"pred_logits{suffix}"
        classes = stored[f"{name}/shape"][-1] if f"{name}/shape" in stored else stored[name].shape[-1]
        assert_recorded(stored, name, found.logits[..., :classes].contiguous(), **PREDICTED)
        assert_recorded(stored, f"pred_boxes{suffix}", found.boxes, **TOLERANCE)
        assert_recorded(stored, f"pred_keypoints{suffix}", found.keypoints, **PREDICTED)


def test_every_layer_of_the_published_layout_gives_the_recorded_numbers(traced):
    assert_outputs(traced[0], arrays("eval_keypoint_preview"))


def test_every_layer_of_the_default_layout_gives_the_recorded_numbers():
    with torch.no_grad():
        outputs = golden_network("keypoint_default").all_layers(picture("eval_keypoint_default", 576, 576))
    assert_outputs(outputs, arrays("eval_keypoint_default"))


@pytest.mark.parametrize("name", ["projector", "cross_attn_projector"])
def test_memories(traced, name):
    memory = every(traced[1][f"backbone.0.{name}"], 16, 1)
    assert_recorded(arrays("trace_keypoint_preview"), name, memory, **TOLERANCE)


# Name of the array, module; both hold queries, keypoints, channels.
@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("kp_enc_tokens", "transformer.keypoint_query_initializer_enc"),
        ("kp_tokens", "transformer.keypoint_query_initializer"),
        ("layer0_kp_norm", f"{DECODER}.0.kp_norm"),
        ("layer0_keypoints", f"{DECODER}.0.kp_norm5"),
        ("layer3_keypoints", f"{DECODER}.3.kp_norm5"),
    ],
)
def test_keypoint_tokens(traced, name, module):
    tokens = every(traced[1][module][:, :FIRST], 8, -1)
    assert_recorded(arrays("trace_keypoint_preview"), name, tokens, **TOLERANCE)


@pytest.mark.parametrize(("name", "module"), [("layer0_inst", 0), ("layer3_queries", 3)])
def test_queries_after_the_exchange_with_their_keypoints(traced, name, module):
    queries = every(traced[1][f"{DECODER}.{module}.kp_inst_norm"], 8, -1)
    assert_recorded(arrays("trace_keypoint_preview"), name, queries, **TOLERANCE)


def test_attention_of_keypoints(traced):
    stored, read = arrays("trace_keypoint_preview"), traced[1]
    within = every(read[f"{DECODER}.0.kp_inst_self_attn"][:FIRST], 8, -1)
    across = every(read[f"{DECODER}.0.kp_cross_attn"][:, : FIRST * 17], 8, -1)
    assert_recorded(stored, "layer0_kp_self_attn", within, **TOLERANCE)
    assert_recorded(stored, "layer0_kp_cross_attn", across, **TOLERANCE)


def test_raw_keypoints(traced):
    stored, read = arrays("trace_keypoint_preview"), traced[1]
    last, *others = (raw[:, :FIRST] for raw in read["keypoint_embed"])  # the last layer is asked first
    assert_recorded(stored, "kp_delta", torch.stack([*others, last]), **PREDICTED)
    encoder = read["transformer.enc_out_keypoint_embed.0"][:, :FIRST].contiguous()
    assert_recorded(stored, "kp_enc_delta", encoder, **PREDICTED)


def test_prediction_gives_what_the_last_layer_gives():
    network, images = small_preview(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        alone, everything = network(images), network.all_layers(images)
    for part, same in zip(alone.last, everything.last, strict=True):
        torch.testing.assert_close(part, same, rtol=0, atol=0)


def test_training_asks_all_groups_and_the_first_answers_as_in_prediction():
    network, images = small_preview(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        alone, grouped = network(images).last, network.train()(images)
    for part, same in zip(alone, grouped.last, strict=True):
        torch.testing.assert_close(part, same[:, : SMALLEST.queries])
    assert grouped.encoder.keypoints.shape[1] == SMALLEST.groups * SMALLEST.queries


def test_classes_with_fewer_keypoints_are_padded_with_zeros():
    with torch.no_grad():
        keypoints = small_preview()(torch.rand(1, 3, 64, 64)).last.keypoints.view(1, -1, 3, 5, 8)
    assert not keypoints[:, :, 0].any()
    assert keypoints[:, :, 1].any(-1).all()
    assert keypoints[:, :, 2, :3].any(-1).all()
    assert not keypoints[:, :, 2, 3:].any()


def test_a_class_with_keypoints_needs_a_class_row():
    with pytest.raises(ShapeError, match="class row"):
        small_preview(class_rows=2)


def test_the_exported_graph_gives_the_same_numbers():
    network, images = small_preview(), torch.rand(1, 3, 64, 64)
    program = torch.export.export(network, (images,), strict=False)
    others = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        eager, exported = network(others).last, program.module()(others).last
    for part, same in zip(eager, exported, strict=True):
        torch.testing.assert_close(part, same, rtol=1e-5, atol=1e-5)


FILE = "losses_keypoint_preview"
LOSSES = {
    "cls_loss": "loss_ce",
    "box_loss": "loss_bbox",
    "giou_loss": "loss_giou",
    "kpt_l1_loss": "loss_keypoints_l1",
    "kpt_find_loss": "loss_keypoints_findable",
    "kpt_vis_loss": "loss_keypoints_visible",
    "kpt_nll_loss": "loss_keypoints_nll",
}


@pytest.fixture(params=["a", "b"])
def case(request):
    """Return the prefix of its keys, predictions, objects and slots."""
    name = request.param
    predictions = Predictions(*tensors(FILE, *(f"{name}/pred_{part}" for part in ("logits", "boxes", "keypoints"))))
    return name, predictions, recorded_targets(FILE, f"{name}/"), KeypointSlots(tuple(arrays(FILE)[f"{name}/schema"]))


def test_recorded_costs(case):
    name, predictions, targets, slots = case
    for index, keypoints in enumerate(predictions.keypoints):
        errors = pairwise_errors(keypoints, targets, slots)
        for kind, error in zip(("l1", "findable", "visible", "nll"), errors, strict=True):
            recorded = arrays(FILE)[f"{name}/cost_{kind}"][index]
            np.testing.assert_allclose(error, recorded, rtol=1e-5, atol=1e-5, err_msg=kind)


def test_recorded_matches(case):
    name, predictions, targets, slots = case
    assert_matches(match(predictions, targets, 3, partial(preview_cost, slots=slots)), FILE, f"{name}/match{{}}_")


def test_recorded_losses(case):
    name, predictions, targets, slots = case
    losses = preview_criterion(slots).by_layer(Outputs(last=predictions, groups=3), targets)["last"]
    for kind, recorded in LOSSES.items():
        assert float(losses[kind]) == pytest.approx(float(arrays(FILE)[f"{name}/{recorded}"]), rel=1e-5), kind


def test_keypoints_that_are_not_finite_are_left_out():
    targets = recorded_targets(FILE, "a/")
    keypoints = torch.randn(36, 17, 8, requires_grad=True)
    spoilt = keypoints.index_put((torch.tensor(3), torch.tensor(5), torch.tensor(4)), torch.tensor(torch.nan))
    errors = pairwise_errors(spoilt, targets, KeypointSlots((17,)))
    sum(error.sum() for error in errors).backward()
    assert all(error.isfinite().all() for error in errors)
    assert keypoints.grad.isfinite().all()
    assert not keypoints.grad[3, 5].any()


def test_every_parameter_learns_from_a_batch_with_objects_of_all_classes():
    network = small_preview().train()
    classes = torch.tensor([1, 2, 0])
    made = torch.Generator().manual_seed(0)
    targets = Targets(
        pictures=torch.tensor([0, 0, 1]),
        classes=classes,
        boxes=torch.rand(3, 4, generator=made),
        keypoints=torch.full((3, 5, 3), 2.0),
    )
    losses = preview_criterion(network.slots)(network(torch.rand(2, 3, 64, 64, generator=made)), targets)
    losses.total.sum().backward()
    assert tuple(losses.items) == tuple(PREVIEW_WEIGHTS)
    idle = {name for name, part in network.named_parameters() if part.requires_grad and part.grad is None}
    assert not idle
