"""Tensors tell what network they belong to."""

from dataclasses import replace

import pytest
import torch

from golden.rfdetr_files import DETECTORS, POSE, PREVIEWS, build, recorded_keys
from posekit.errors import CheckpointError
from posekit.models.rfdetr.architecture import KEYPOINT_PREVIEW, KeypointSlots, Layout, recognise
from small_rfdetr import SMALLEST, small_preview, small_rfdetr


def meta_state(variant):
    """Return the tensors of a variant's recorded keys, without memory."""
    shapes, booleans = recorded_keys(variant)
    return {
        name: torch.empty(shape, dtype=torch.bool if name in booleans else None, device="meta")
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("variant", DETECTORS)
def test_published_detectors(variant):
    assert recognise(meta_state(variant), {}, "m.pth") == Layout(architecture=DETECTORS[variant], class_rows=91)


@pytest.mark.parametrize("variant", POSE)
def test_pose_models(variant):
    expected = Layout(architecture=POSE[variant], class_rows=2, keypoints=17)
    assert recognise(meta_state(variant), {}, "m.pth") == expected


@pytest.mark.parametrize("variant", PREVIEWS)
def test_keypoint_previews(variant):
    rows, slots = PREVIEWS[variant]
    expected = Layout(architecture=KEYPOINT_PREVIEW, class_rows=rows, slots=KeypointSlots(slots))
    assert recognise(build(variant).state_dict(), {}, "m.pth") == expected


@pytest.mark.parametrize(("rows", "slots"), [(2, (0, 8)), (3, (8,))])
def test_previews_without_a_mask(rows, slots):
    state = small_preview(class_rows=rows, slots=(0, 8) if rows == 2 else (8,)).state_dict()
    del state["_kp_active_mask"]
    assert recognise(state, {}, "m.pth").slots == KeypointSlots(slots)


def test_a_stated_resolution_counts_if_it_is_possible():
    state = small_rfdetr().state_dict()
    for stated, found in ((96, 96), (100, 64), ("96", 64), (None, 64)):
        layout = recognise(state, {"resolution": stated}, "m.pth")
        assert layout.architecture == replace(SMALLEST, resolution=found)


def test_the_first_large_is_refused_with_the_name_of_its_successor():
    with pytest.raises(CheckpointError, match="rf-detr-large-2026"):
        recognise(meta_state("large_deprecated"), {}, "rf-detr-large.pth")


def test_segmentation_networks_are_refused():
    state = small_rfdetr().state_dict() | {"segmentation_head.blocks.0.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="segmentation"):
        recognise(state, {}, "m.pth")


def test_other_networks_are_refused():
    with pytest.raises(CheckpointError, match="no RF-DETR"):
        recognise({"model.0.conv.weight": torch.zeros(1)}, {}, "m.pth")
