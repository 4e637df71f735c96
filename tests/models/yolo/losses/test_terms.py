"""Every loss term: recorded values, exact gradients, and what it makes of missing labels."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from golden.train_files import arrays
from models.yolo.losses.recorded import recorded_flow
from posekit.models.yolo.losses.objects import MaskPixels, resize_nearest
from posekit.models.yolo.losses.terms import (
    distribution_focal_loss,
    keypoint_weights,
    location_loss,
    mask_loss,
    residual_likelihood,
    semantic_loss,
    semantic_target,
)

PARTS = arrays("parts")


@pytest.mark.parametrize("bins", [16, 4])
def test_distribution_focal_losses_are_as_recorded(bins):
    logits = torch.tensor(PARTS[f"dfl{bins}_logits"], requires_grad=True)
    found = distribution_focal_loss(logits, torch.from_numpy(PARTS[f"dfl{bins}_target"])).mean(1)
    found.sum().backward()
    np.testing.assert_allclose(found.detach(), PARTS[f"dfl{bins}_loss"][:, 0], rtol=1e-4, atol=1e-5)
    recorded = PARTS[f"dfl{bins}_grad"]
    np.testing.assert_allclose(logits.grad, recorded, rtol=0, atol=1e-4 * np.linalg.norm(recorded))


def test_the_distribution_focal_loss_has_its_minimum_where_the_expectation_is_the_distance():
    distance = torch.tensor([2.3])
    bins = torch.full((1, 6), -30.0)
    bins[0, 2], bins[0, 3] = torch.tensor(0.7).log(), torch.tensor(0.3).log()
    bins.requires_grad_()
    distribution_focal_loss(bins, distance).sum().backward()
    assert bins.grad.abs().max() < 1e-6
    assert (bins.detach().softmax(1) @ torch.arange(6.0)).item() == pytest.approx(2.3, abs=1e-5)


def test_distances_beyond_the_bins_are_learned_as_the_last_they_can_say():
    bins = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        distribution_focal_loss(bins, torch.tensor([50.0, -3.0])),
        distribution_focal_loss(bins, torch.tensor([6.99, 0.0])),
    )


def test_the_gradient_of_the_distribution_focal_loss_is_exact():
    logits = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    target = torch.rand(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 4
    assert gradcheck(lambda bins: distribution_focal_loss(bins, target), logits)


@pytest.mark.parametrize("case", ["kpt17", "kpt5"])
def test_location_losses_are_as_recorded(case):
    part = {name: torch.tensor(PARTS[f"{case}_{name}"]) for name in ("pred", "gt", "mask", "area", "sigmas")}
    found = part["pred"].requires_grad_()
    loss = location_loss(found[..., :2], part["gt"][..., :2], part["mask"], part["area"][:, 0], part["sigmas"])
    loss.backward()
    np.testing.assert_allclose(loss.item(), PARTS[f"{case}_loss"], rtol=1e-4, atol=1e-5)
    recorded = PARTS[f"{case}_grad"]
    np.testing.assert_allclose(found.grad, recorded, rtol=0, atol=1e-4 * np.linalg.norm(recorded))


def keypoints(objects=3, points=4):
    generator = torch.Generator().manual_seed(0)
    found, true = torch.rand(2, objects, points, 2, generator=generator, dtype=torch.float64) * 4
    return found, true, torch.rand(objects, generator=generator, dtype=torch.float64) * 9 + 1


def test_location_losses_are_0_at_the_truth_and_1_far_from_it():
    found, true, areas = keypoints()
    labelled, sigmas = torch.ones(3, 4, dtype=torch.bool), torch.full((4,), 0.1, dtype=torch.float64)
    assert location_loss(true, true, labelled, areas, sigmas).item() == 0
    assert location_loss(found + 1000, true, labelled, areas, sigmas).item() == pytest.approx(1)


def test_unlabelled_keypoints_neither_count_nor_move():
    found, true, areas = keypoints()
    labelled = torch.tensor([[True, False, True, False]] * 3)
    sigmas = torch.full((4,), 0.3, dtype=torch.float64)
    expected = location_loss(found, true, labelled, areas, sigmas)
    moved = found.clone()
    moved[:, [1, 3]] += 7
    moved.requires_grad_()
    loss = location_loss(moved, true, labelled, areas, sigmas)
    loss.backward()
    torch.testing.assert_close(loss, expected)
    assert (moved.grad[:, [1, 3]] == 0).all()


def test_an_object_without_labels_contributes_nothing_but_counts():
    found, true, areas = keypoints()
    sigmas = torch.full((4,), 0.3, dtype=torch.float64)
    labelled = torch.ones(3, 4, dtype=torch.bool)
    labelled[2] = False
    two = location_loss(found[:2], true[:2], labelled[:2], areas[:2], sigmas)
    torch.testing.assert_close(location_loss(found, true, labelled, areas, sigmas), two * 2 / 3)


def test_no_objects_give_location_losses_of_0():
    nothing = torch.zeros(0, 4, 2, requires_grad=True)
    loss = location_loss(nothing, nothing, torch.zeros(0, 4).bool(), torch.zeros(0), torch.ones(4))
    loss.backward()
    assert loss.item() == 0


def test_the_gradient_of_location_losses_is_exact():
    found, true, areas = keypoints()
    labelled = torch.tensor([[True, True, False, True]] * 2 + [[False] * 4])
    sigmas = torch.full((4,), 0.5, dtype=torch.float64)
    assert gradcheck(lambda points: location_loss(points, true, labelled, areas, sigmas), found.requires_grad_())


def test_likelihood_losses_and_gradients_are_as_recorded():
    flow = recorded_flow("flow_param/", PARTS)
    error, sigma = (torch.tensor(PARTS[key], requires_grad=True) for key in ("flow_x", "rle_sigma"))
    loss = residual_likelihood(flow, error, sigma, torch.from_numpy(PARTS["rle_weight"]))
    loss.backward()
    np.testing.assert_allclose(loss.item(), PARTS["rle_loss"], rtol=1e-4, atol=1e-5)
    for found, key in ((sigma, "rle_grad_sigma"), (error, "rle_grad_error")):
        np.testing.assert_allclose(found.grad, PARTS[key], rtol=0, atol=1e-4 * np.linalg.norm(PARTS[key]))


def test_the_density_of_the_flow_is_as_recorded():
    found = recorded_flow("flow_param/", PARTS).log_prob(torch.from_numpy(PARTS["flow_x"]))
    np.testing.assert_allclose(found.detach(), PARTS["flow_logprob"], rtol=1e-4, atol=1e-4)


def test_a_flow_that_changes_nothing_gives_the_laplace_likelihood_less_the_normal_density():
    flow = recorded_flow("flow_param/", PARTS)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.zero_()
    loss = residual_likelihood(flow, torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.5]]), torch.ones(1))
    log_phi = -0.5 * 5 - math.log(2 * math.pi)
    assert loss.item() == pytest.approx(2 * (math.log(0.5) - log_phi) + 3, rel=1e-5)


def test_likelihood_losses_are_never_negative():
    flow = recorded_flow("flow_param/", PARTS)
    assert residual_likelihood(flow, torch.zeros(1, 2), torch.full((1, 2), 1e-30), torch.ones(1)).item() == 0


def test_without_errors_the_likelihood_loss_is_0_and_the_flow_stays_in_the_graph():
    flow = recorded_flow("flow_param/", PARTS)
    loss = residual_likelihood(flow, torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0))
    loss.backward()
    assert loss.item() == 0
    assert all(parameter.grad is not None for parameter in flow.parameters())


def test_the_gradient_of_likelihood_losses_is_exact():
    flow = recorded_flow("flow_param/", PARTS).double()
    error = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    sigma = (torch.rand(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.5).requires_grad_()
    weights = torch.tensor([1.0, 1.2, 1.5, 1.0, 1.0], dtype=torch.float64)
    assert gradcheck(lambda e, s: residual_likelihood(flow, e, s, weights), (error, sigma))


def test_only_cocos_points_have_weights_of_their_own():
    like = torch.zeros(1)
    np.testing.assert_allclose(keypoint_weights((17, 3), like), PARTS["rle_weights_17"])
    assert keypoint_weights((17, 2), like).tolist() == [1.0] * 17
    assert keypoint_weights((5, 3), like).tolist() == [1.0] * 5


def recorded_mask_loss(coefficients, prototypes, dtype=torch.float32):
    boxes, areas, true = (torch.from_numpy(PARTS[f"mask_{name}"]).to(dtype) for name in ("box", "area", "gt"))
    size = tuple(true.shape[1:])
    pixels = MaskPixels.inside(boxes, size)
    inside = true[pixels.owners, pixels.rows, pixels.columns] > 0.5
    return mask_loss(pixels.logits(coefficients, prototypes), inside, pixels, areas, size)


def test_mask_losses_and_gradients_are_as_recorded():
    coefficients, prototypes = (torch.tensor(PARTS[f"mask_{name}"], requires_grad=True) for name in ("coef", "proto"))
    loss = recorded_mask_loss(coefficients, prototypes)
    loss.backward()
    np.testing.assert_allclose(loss.item(), PARTS["mask_loss"], rtol=1e-4, atol=1e-5)
    for found, key in ((coefficients, "mask_grad_coef"), (prototypes, "mask_grad_proto")):
        np.testing.assert_allclose(found.grad, PARTS[key], rtol=0, atol=1e-4 * np.linalg.norm(PARTS[key]))


def test_the_gradient_of_mask_losses_is_exact():
    coefficients = torch.tensor(PARTS["mask_coef"], dtype=torch.float64, requires_grad=True)
    prototypes = torch.tensor(PARTS["mask_proto"], dtype=torch.float64)
    assert gradcheck(lambda some: recorded_mask_loss(some, prototypes, torch.float64), coefficients)


def test_large_and_small_objects_count_the_same():
    size = (16, 16)
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 16.0, 16.0]])
    losses = []
    for box in boxes.split(1):
        pixels = MaskPixels.inside(box, size)
        logits = torch.full((len(pixels.owners),), 0.7)
        area = (box[:, 2:] - box[:, :2]).prod(1) / 256
        losses.append(mask_loss(logits, logits > 0, pixels, area, size))
    torch.testing.assert_close(losses[0], losses[1])


def test_semantic_losses_and_gradients_are_as_recorded():
    logits = torch.tensor(PARTS["bcedice_logits"], requires_grad=True)
    target = torch.from_numpy(PARTS["bcedice_target"])
    small = resize_nearest(target.flatten(0, 1), tuple(logits.shape[2:])).view_as(logits)
    loss = semantic_loss(logits, small)
    loss.backward()
    np.testing.assert_allclose(loss.item(), PARTS["bcedice_loss"], rtol=1e-4, atol=1e-5)
    recorded = PARTS["bcedice_grad"]
    np.testing.assert_allclose(logits.grad, recorded, rtol=0, atol=1e-4 * np.linalg.norm(recorded))


def test_the_gradient_of_semantic_losses_is_exact():
    logits = torch.randn(2, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target = (torch.rand(2, 2, 3, 3, generator=torch.Generator().manual_seed(1)) > 0.5).double()
    assert gradcheck(lambda values: semantic_loss(values, target), logits.requires_grad_())


def test_targets_are_one_hot_where_covered_and_zero_elsewhere():
    classes = torch.tensor([[[2.0, 0.0], [255.0, -1.0]]])  # arbitrary where nothing is covered
    covered = torch.tensor([[[True, True], [False, False]]])
    target = semantic_target(classes, covered, torch.zeros(1, 3, 2, 2))
    assert target[0, :, 0, 0].tolist() == [0, 0, 1]
    assert target[0, :, 0, 1].tolist() == [1, 0, 0]
    assert target[0, :, 1].abs().sum() == 0
