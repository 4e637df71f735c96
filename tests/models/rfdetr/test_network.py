"""Networks have the published keys and give the published numbers, step by step."""

import pytest
import torch

from golden.networks import assert_recorded
from golden.rfdetr_files import (
    DETECTORS,
    POSE,
    arrays,
    build,
    every,
    golden_network,
    outputs_of,
    picture,
    recorded_keys,
)
from posekit.models.rfdetr.decoder import Memory
from posekit.models.rfdetr.network import set_initial_weights
from small_rfdetr import SMALLEST, small_preview, small_rfdetr

BOXES = {"absolute": 1e-4, "relative": 0}
LOGITS = {"absolute": 5e-4, "relative": 0}
KEYPOINTS = {"absolute": 1e-4, "relative": 0}
HEADS = ("coord", "visibility")
PARAMETERS = {"nano": 30_467_298, "small": 32_111_170, "medium": 33_687_458, "large": 33_933_218, "base": 32_174_530}


@pytest.mark.parametrize("variant", [*DETECTORS, *POSE])
def test_keys_are_the_published_ones(variant):
    shapes, booleans = recorded_keys(variant)
    state = build(variant).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes
    assert {name for name, tensor in state.items() if tensor.dtype == torch.bool} == booleans


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameters_are_as_many_as_published(variant):
    assert sum(parameter.numel() for parameter in build(variant).parameters()) == PARAMETERS[variant]


def assert_predictions(predictions, stored, suffix=""):
    name = f"pred_logits{suffix}"
    classes = stored[f"{name}/shape"][-1] if f"{name}/shape" in stored else stored[name].shape[-1]
    assert_recorded(stored, name, predictions.logits[..., :classes].contiguous(), **LOGITS)
    assert_recorded(stored, f"pred_boxes{suffix}", predictions.boxes, **BOXES)


@pytest.mark.parametrize("variant", DETECTORS)
def test_every_layer_gives_the_recorded_numbers(variant):
    stored = arrays(f"eval_{variant}")
    side = DETECTORS[variant].resolution
    with torch.no_grad():
        outputs = golden_network(variant).all_layers(picture(f"eval_{variant}", side, side))
    assert_predictions(outputs.last, stored)
    assert len(outputs.auxiliary) == DETECTORS[variant].decoder_layers - 1
    for index, predictions in enumerate(outputs.auxiliary):
        assert_predictions(predictions, stored, f"_{index}")
    assert_predictions(outputs.encoder, stored, "_enc")


@pytest.mark.parametrize("size", [(320, 448), (512, 512), (256, 256)])
def test_other_input_sizes_give_the_recorded_numbers(size):
    file = "eval_nano_{}x{}".format(*size)
    with torch.no_grad():
        outputs = golden_network("nano")(picture(file, *size))
    assert_predictions(outputs.last, arrays(file))


def test_the_pose_head_gives_the_recorded_numbers():
    network, stored = golden_network("pose_nano"), arrays("pose_nano")
    read = outputs_of(network, "transformer.decoder.norm", *(f"keypoint_head.{head}_head" for head in HEADS))
    with torch.no_grad():
        outputs = network.all_layers(picture("pose_nano", 384, 384))
    last, first = read["transformer.decoder.norm"]  # the last layer is asked first
    assert_recorded(stored, "hs", torch.stack((first, last))[..., ::8].contiguous(), **KEYPOINTS)
    for head in HEADS:
        raw = read[f"keypoint_head.{head}_head"][0][:, ::3].contiguous()
        assert_recorded(stored, f"{head}_raw", raw, **LOGITS)
    for suffix, predictions in (("", outputs.last), ("_0", outputs.auxiliary[0])):
        assert_predictions(predictions, stored, suffix)
        assert_recorded(stored, f"pred_keypoints{suffix}", predictions.keypoints[:, ::3].contiguous(), **KEYPOINTS)
    assert_predictions(outputs.encoder, stored, "_enc")
    assert outputs.encoder.keypoints is None


def test_prediction_gives_what_the_last_layer_gives():
    network, images = small_rfdetr(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        alone, everything = network(images), network.all_layers(images)
    assert not alone.auxiliary
    assert alone.encoder is None
    for part, same in zip(alone.last, everything.last, strict=True):
        torch.testing.assert_close(part, same, rtol=0, atol=0)


def test_training_asks_all_groups_and_the_first_answers_as_in_prediction():
    network, images = small_rfdetr(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        alone, grouped = network(images).last, network.train()(images)
    assert grouped.groups == SMALLEST.groups
    assert grouped.last.logits.shape[1] == SMALLEST.groups * SMALLEST.queries
    for part, same in zip(alone, grouped.last, strict=True):
        torch.testing.assert_close(part, same[:, : SMALLEST.queries])


def test_pictures_of_a_batch_do_not_see_each_other():
    network, images = small_rfdetr(), torch.rand(3, 3, 64, 96)
    with torch.no_grad():
        together = network(images).last
        alone = [network(image[None]).last for image in images]
    for part, parts in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(part, torch.cat(parts), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [32, 64])
def test_fewer_cells_than_queries_train_in_every_group(side):
    network = small_rfdetr().train()
    outputs = network(torch.rand(1, 3, side, side))
    assert outputs.last.boxes.shape == (1, SMALLEST.groups * SMALLEST.queries, 4)
    assert outputs.encoder.boxes.shape[1] == SMALLEST.groups * min(SMALLEST.queries, (side // 16) ** 2)


def test_keypoints_lie_in_the_picture_and_in_their_box():
    with torch.no_grad():
        found = small_rfdetr()(torch.rand(1, 3, 64, 64)).last
    centre, size = found.boxes[..., None, :2], found.boxes[..., None, 2:]
    near, far = (centre - size / 2).clamp(0, 1), (centre + size / 2).clamp(0, 1)
    places = found.keypoints[..., :2]
    assert ((places >= near - 1e-6) & (places <= far + 1e-6)).all()


def test_the_exported_graph_gives_the_same_numbers():
    network, images = small_rfdetr(), torch.rand(1, 3, 64, 64)
    program = torch.export.export(network, (images,), strict=False)
    others = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        eager, exported = network(others).last, program.module()(others).last
    for part, same in zip(eager, exported, strict=True):
        torch.testing.assert_close(part, same, rtol=1e-5, atol=1e-5)


STEP = {"absolute": 1e-4, "relative": 0}
DINO = "backbone.0.encoder.encoder"
BLOCKS = f"{DINO}.encoder.layer"
LAYERS = "transformer.decoder.layers"

# The outputs of modules as they were recorded: name of the array, module, every n-th of an axis.
MODULES = [
    ("embeddings", f"{DINO}.embeddings", 8, -1),
    ("block0", f"{BLOCKS}.0", 8, -1),
    ("block3", f"{BLOCKS}.3", 8, -1),
    ("block11", f"{BLOCKS}.11", 8, -1),
    ("projector_cv1", "backbone.0.projector.stages.0.0.cv1", 4, 1),
    ("projector_c2f", "backbone.0.projector.stages.0.0", 4, 1),
    ("projector", "backbone.0.projector", 4, 1),
    ("enc_output", "transformer.enc_output.0", 8, -1),
    ("enc_norm", "transformer.enc_output_norm.0", 8, -1),
    ("enc_class", "transformer.enc_out_class_embed.0", 8, -1),
    ("enc_box_delta", "transformer.enc_out_bbox_embed.0", 1, -1),
    ("query_pos", "transformer.decoder.ref_point_head", 8, -1),
    ("layer0_self_attn", f"{LAYERS}.0.self_attn", 8, -1),
    ("layer0_norm1", f"{LAYERS}.0.norm1", 8, -1),
    ("layer0_offsets", f"{LAYERS}.0.cross_attn.sampling_offsets", 1, -1),
    ("layer0_weights_logits", f"{LAYERS}.0.cross_attn.attention_weights", 1, -1),
    ("layer0_cross_attn", f"{LAYERS}.0.cross_attn", 8, -1),
    ("layer0", f"{LAYERS}.0", 8, -1),
    ("layer1", f"{LAYERS}.1", 8, -1),
]


OTHERS = ["normalise", DINO, "transformer.decoder.norm"]


@pytest.fixture(scope="module")
def traced():
    """Return the recorded arrays, what modules gave, and the network."""
    network = golden_network("nano")
    read = outputs_of(network, *(module for _, module, _, _ in MODULES), *OTHERS)
    with torch.no_grad():
        network.all_layers(picture("eval_nano", 384, 384))
    return arrays("trace_nano"), read, network


@pytest.mark.parametrize(("name", "module", "step", "axis"), MODULES, ids=[row[0] for row in MODULES])
def test_modules(traced, name, module, step, axis):
    stored, read, _ = traced
    assert_recorded(stored, name, every(read[module][0], step, axis), **STEP)


def test_taps(traced):
    stored, read, _ = traced
    for index, tap in enumerate(read[DINO][0]):
        assert_recorded(stored, f"feature{index}", every(tap.permute(0, 3, 1, 2), 16, 1), **STEP)


def test_normalised_picture(traced):
    stored, read, _ = traced
    rows = read["normalise"][0][0, :, ::24, ::24].contiguous()
    assert_recorded(stored, "input_rows", rows, absolute=1e-5, relative=0)


def test_selection(traced):
    stored, read, network = traced
    scores = read["transformer.enc_out_class_embed.0"][0].amax(-1)
    with torch.no_grad():
        selected = network.transformer.select(Memory.of(read["backbone.0.projector"][0]), groups=1)
        boxes = network.starting_boxes(selected.boxes, groups=1)
    assert_recorded(stored, "enc_class_max", scores, **STEP)
    assert_recorded(stored, "memory_ts", every(selected.tokens, 8, -1), **STEP)
    assert_recorded(stored, "boxes_ts", selected.boxes, **STEP)
    assert_recorded(stored, "refpoints", boxes[None], **STEP)


def test_normalised_queries(traced):
    stored, read, _ = traced
    last, first = read["transformer.decoder.norm"]  # the last layer is asked first
    assert_recorded(stored, "hs", every(torch.stack((first, last)), 8, -1), **STEP)


def test_a_new_network_finds_nothing_where_its_cells_are():
    network = small_rfdetr()
    torch.manual_seed(0)
    set_initial_weights(network)
    with torch.no_grad():
        found = network.all_layers(torch.rand(1, 3, 64, 64))
    assert ((found.last.logits.sigmoid() > 0.001) & (found.last.logits.sigmoid() < 0.1)).all()
    torch.testing.assert_close(found.last.boxes, found.encoder.boxes)  # neither moved nor resized
    places, centres = found.last.keypoints[..., :2], found.last.boxes[..., None, :2]
    torch.testing.assert_close(places, centres.expand_as(places))
    assert not found.last.keypoints[..., 2].any()


def test_the_seed_decides():
    states = []
    for seed in (1, 1, 2):
        network = small_preview()
        torch.manual_seed(seed)
        set_initial_weights(network)
        states.append(network.state_dict()["transformer.decoder.layers.0.linear1.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
