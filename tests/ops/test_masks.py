"""Instance masks: the golden three sizes, cropping, scaling and bounded memory."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import posekit.ops.masks as masks_module
from posekit.ops.letterbox import Letterbox
from posekit.ops.masks import (
    assemble_masks_at_network_size,
    assemble_masks_at_original_size,
    assemble_masks_at_prototype_size,
    crop_masks,
    letterbox_content,
    letterboxed_to_original,
    nonempty_masks,
    scale_masks,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "yolo"
CASES = json.loads((GOLDEN / "masks.json").read_text())


@pytest.fixture(scope="module")
def arrays():
    with np.load(GOLDEN / "masks.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def assert_same_masks(masks, expected):
    assert masks.dtype == torch.uint8
    assert masks.shape == expected.shape
    assert (masks != expected).float().mean() < 1e-3


@pytest.mark.parametrize("case", range(len(CASES)))
def test_masks_at_network_size_equal_golden(arrays, case):
    hw = tuple(CASES[case]["network_hw"])
    inputs = (arrays[f"protos_{case}"], arrays[f"coefficient_{case}"], arrays[f"boxes_{case}"])
    assert_same_masks(assemble_masks_at_network_size(*inputs, hw), arrays[f"large_{case}"])


@pytest.mark.parametrize("case", range(len(CASES)))
def test_masks_at_prototype_size_equal_golden(arrays, case):
    hw = tuple(CASES[case]["network_hw"])
    inputs = (arrays[f"protos_{case}"], arrays[f"coefficient_{case}"], arrays[f"boxes_{case}"])
    assert_same_masks(assemble_masks_at_prototype_size(*inputs, hw), arrays[f"small_{case}"])


@pytest.mark.parametrize("case", range(len(CASES)))
def test_masks_at_original_size_equal_golden(arrays, case):
    hw = tuple(CASES[case]["original_hw"])
    inputs = (arrays[f"protos_{case}"], arrays[f"coefficient_{case}"], arrays[f"scaled_boxes_{case}"])
    assert_same_masks(assemble_masks_at_original_size(*inputs, hw), arrays[f"native_{case}"])


@pytest.mark.parametrize("case", range(len(CASES)))
def test_scaled_stack_equals_golden(arrays, case):
    scaled = scale_masks(arrays[f"soft_{case}"], tuple(CASES[case]["original_hw"]))
    torch.testing.assert_close(scaled, arrays[f"scale_masks_{case}"], rtol=1e-5, atol=1e-5)


def test_small_chunks_give_the_same_masks(arrays, monkeypatch):
    inputs = (arrays["protos_2"], arrays["coefficient_2"])
    whole_native = assemble_masks_at_original_size(*inputs, arrays["scaled_boxes_2"], (211, 333))
    whole_network = assemble_masks_at_network_size(*inputs, arrays["boxes_2"], (96, 160))
    monkeypatch.setattr(masks_module, "LOGITS_PER_CHUNK", 2 * 211 * 333)
    torch.testing.assert_close(
        assemble_masks_at_original_size(*inputs, arrays["scaled_boxes_2"], (211, 333)), whole_native
    )
    monkeypatch.setattr(masks_module, "LOGITS_PER_CHUNK", 1)
    torch.testing.assert_close(assemble_masks_at_network_size(*inputs, arrays["boxes_2"], (96, 160)), whole_network)


def test_no_instances_give_empty_stacks():
    protos, coefficients, boxes = torch.rand(8, 16, 24), torch.zeros(0, 8), torch.zeros(0, 4)
    assert assemble_masks_at_network_size(protos, coefficients, boxes, (64, 96)).shape == (0, 64, 96)
    assert assemble_masks_at_prototype_size(protos, coefficients, boxes, (64, 96)).shape == (0, 16, 24)
    assert assemble_masks_at_original_size(protos, coefficients, boxes, (33, 50)).shape == (0, 33, 50)
    assert letterboxed_to_original(torch.zeros(0, 64, 96), Letterbox.between((64, 96), (33, 50))).shape == (0, 33, 50)
    assert nonempty_masks(torch.zeros(0, 4, 4)).shape == (0,)


def test_crop_keeps_pixels_from_the_first_edge_up_to_below_the_second():
    cropped = crop_masks(torch.ones(1, 4, 6, dtype=torch.bool), torch.tensor([[1.0, 0.5, 3.0, 3.0]]))
    expected = torch.zeros(1, 4, 6, dtype=torch.bool)
    expected[0, 1:3, 1:3] = True
    assert torch.equal(cropped, expected)


def test_equal_sizes_are_left_untouched():
    stack = torch.rand(2, 5, 6)
    assert scale_masks(stack, (5, 6)) is stack


def test_nonempty_tells_instances_with_pixels():
    stack = torch.zeros(3, 4, 4, dtype=torch.uint8)
    stack[1, 2, 3] = 1
    assert nonempty_masks(stack).tolist() == [False, True, False]


@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 20), st.integers(1, 20))
def test_letterbox_content_lies_inside_and_fills_one_axis(height, width, rows, columns):
    outer = (32 * rows, 32 * columns)
    inside = letterbox_content(outer, (height, width))
    assert all(0 <= part.start < part.stop <= limit for part, limit in zip(inside, outer, strict=True))
    assert any(part.stop - part.start == limit for part, limit in zip(inside, outer, strict=True))
