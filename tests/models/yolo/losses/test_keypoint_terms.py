import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from golden.train_files import arrays
from posekit.models.yolo.losses.terms import location_loss

PARTS = arrays("parts")


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


def test_it_is_0_at_the_truth_and_1_far_from_it():
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


def test_no_objects_give_0():
    nothing = torch.zeros(0, 4, 2, requires_grad=True)
    loss = location_loss(nothing, nothing, torch.zeros(0, 4).bool(), torch.zeros(0), torch.ones(4))
    loss.backward()
    assert loss.item() == 0


def test_the_gradient_is_exact():
    found, true, areas = keypoints()
    labelled = torch.tensor([[True, True, False, True]] * 2 + [[False] * 4])
    sigmas = torch.full((4,), 0.5, dtype=torch.float64)
    assert gradcheck(lambda points: location_loss(points, true, labelled, areas, sigmas), found.requires_grad_())
