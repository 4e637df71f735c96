"""Every step inside a network gives the recorded numbers."""

import pytest
import torch

from golden.networks import assert_recorded
from golden.rfdetr_files import arrays, every, golden_network, outputs_of, picture
from posekit.models.rfdetr.decoder import Memory

TOLERANCE = {"absolute": 1e-4, "relative": 0}
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
    assert_recorded(stored, name, every(read[module][0], step, axis), **TOLERANCE)


def test_taps(traced):
    stored, read, _ = traced
    for index, tap in enumerate(read[DINO][0]):
        assert_recorded(stored, f"feature{index}", every(tap.permute(0, 3, 1, 2), 16, 1), **TOLERANCE)


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
    assert_recorded(stored, "enc_class_max", scores, **TOLERANCE)
    assert_recorded(stored, "memory_ts", every(selected.tokens, 8, -1), **TOLERANCE)
    assert_recorded(stored, "boxes_ts", selected.boxes, **TOLERANCE)
    assert_recorded(stored, "refpoints", boxes[None], **TOLERANCE)


def test_normalised_queries(traced):
    stored, read, _ = traced
    last, first = read["transformer.decoder.norm"]  # the last layer is asked first
    assert_recorded(stored, "hs", every(torch.stack((first, last)), 8, -1), **TOLERANCE)
