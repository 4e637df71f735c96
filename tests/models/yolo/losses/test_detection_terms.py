import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from golden.train_files import arrays
from posekit.models.yolo.losses.terms import distribution_focal_loss

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
