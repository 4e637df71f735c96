"""Costs and losses of uncertain keypoints."""

import numpy as np
import pytest
import torch

from golden.rfdetr_files import arrays, assert_matches, recorded_targets, tensors
from posekit.models.rfdetr.architecture import KeypointSlots
from posekit.models.rfdetr.losses import match
from posekit.models.rfdetr.network import Outputs, Predictions
from posekit.models.rfdetr.preview_losses import PREVIEW_WEIGHTS, PreviewCost, preview_criterion
from posekit.sample import Targets
from small_rfdetr import small_preview

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
    for picture, keypoints in enumerate(predictions.keypoints):
        errors = PreviewCost(slots).keypoint_errors(keypoints, targets)
        for kind, error in zip(("l1", "findable", "visible", "nll"), errors, strict=True):
            recorded = arrays(FILE)[f"{name}/cost_{kind}"][picture]
            np.testing.assert_allclose(error, recorded, rtol=1e-5, atol=1e-5, err_msg=kind)


def test_recorded_matches(case):
    name, predictions, targets, slots = case
    assert_matches(match(predictions, targets, 3, PreviewCost(slots)), FILE, f"{name}/match{{}}_")


def test_recorded_losses(case):
    name, predictions, targets, slots = case
    losses = preview_criterion(slots).by_layer(Outputs(last=predictions, groups=3), targets)["last"]
    for kind, recorded in LOSSES.items():
        assert float(losses[kind]) == pytest.approx(float(arrays(FILE)[f"{name}/{recorded}"]), rel=1e-5), kind


def test_keypoints_that_are_not_finite_are_left_out():
    targets = recorded_targets(FILE, "a/")
    keypoints = torch.randn(36, 17, 8, requires_grad=True)
    spoilt = keypoints.index_put((torch.tensor(3), torch.tensor(5), torch.tensor(4)), torch.tensor(torch.nan))
    errors = PreviewCost(KeypointSlots((17,))).keypoint_errors(spoilt, targets)
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
