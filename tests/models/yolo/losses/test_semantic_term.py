import numpy as np
import torch
from torch.autograd import gradcheck

from golden.train_files import arrays
from posekit.models.yolo.losses.objects import resize_nearest
from posekit.models.yolo.losses.terms import semantic_loss, semantic_target

PARTS = arrays("parts")


def test_values_and_gradients_are_as_recorded():
    logits = torch.tensor(PARTS["bcedice_logits"], requires_grad=True)
    target = torch.from_numpy(PARTS["bcedice_target"])
    small = resize_nearest(target.flatten(0, 1), tuple(logits.shape[2:])).view_as(logits)
    loss = semantic_loss(logits, small)
    loss.backward()
    np.testing.assert_allclose(loss.item(), PARTS["bcedice_loss"], rtol=1e-4, atol=1e-5)
    recorded = PARTS["bcedice_grad"]
    np.testing.assert_allclose(logits.grad, recorded, rtol=0, atol=1e-4 * np.linalg.norm(recorded))


def test_the_gradient_is_exact():
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
