"""The keypoint preview has the published keys and gives the published numbers."""

import pytest
import torch

from golden.networks import assert_recorded
from golden.rfdetr_files import PREVIEWS, arrays, build, every, golden_network, outputs_of, picture, recorded_keys
from posekit.errors import ShapeError
from small_rfdetr import SMALLEST, small_preview

TOLERANCE = {"absolute": 1e-4, "relative": 0}
PREDICTED = {"absolute": 1e-3, "relative": 0}
PARAMETERS = {"keypoint_preview": 40_724_248, "keypoint_default": 41_044_470}
FIRST = 12  # queries whose keypoints are recorded
LAYERS = "transformer.decoder.layers"


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
        *(f"{LAYERS}.0.{name}" for name in ("kp_inst_self_attn", "kp_inst_norm", "kp_norm", "kp_cross_attn")),
        *(f"{LAYERS}.{index}.{name}" for index in (0, 3) for name in ("kp_inst_norm", "kp_norm5")),
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
        ("layer0_kp_norm", f"{LAYERS}.0.kp_norm"),
        ("layer0_keypoints", f"{LAYERS}.0.kp_norm5"),
        ("layer3_keypoints", f"{LAYERS}.3.kp_norm5"),
    ],
)
def test_keypoint_tokens(traced, name, module):
    tokens = every(traced[1][module][:, :FIRST], 8, -1)
    assert_recorded(arrays("trace_keypoint_preview"), name, tokens, **TOLERANCE)


@pytest.mark.parametrize(("name", "module"), [("layer0_inst", 0), ("layer3_queries", 3)])
def test_queries_after_the_exchange_with_their_keypoints(traced, name, module):
    queries = every(traced[1][f"{LAYERS}.{module}.kp_inst_norm"], 8, -1)
    assert_recorded(arrays("trace_keypoint_preview"), name, queries, **TOLERANCE)


def test_attention_of_keypoints(traced):
    stored, read = arrays("trace_keypoint_preview"), traced[1]
    within = every(read[f"{LAYERS}.0.kp_inst_self_attn"][:FIRST], 8, -1)
    across = every(read[f"{LAYERS}.0.kp_cross_attn"][:, : FIRST * 17], 8, -1)
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
