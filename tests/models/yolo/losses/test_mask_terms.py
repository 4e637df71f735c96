import numpy as np
import torch
from torch.autograd import gradcheck

from golden.train_files import arrays
from posekit.models.yolo.losses.objects import MaskPixels
from posekit.models.yolo.losses.terms import mask_loss

PARTS = arrays("parts")


def recorded_loss(coefficients, prototypes, dtype=torch.float32):
    boxes, areas, true = (torch.from_numpy(PARTS[f"mask_{name}"]).to(dtype) for name in ("box", "area", "gt"))
    size = tuple(true.shape[1:])
    pixels = MaskPixels.inside(boxes, size)
    inside = true[pixels.owners, pixels.rows, pixels.columns] > 0.5
    return mask_loss(pixels.logits(coefficients, prototypes), inside, pixels, areas, size)


def test_values_and_gradients_are_as_recorded():
    coefficients, prototypes = (torch.tensor(PARTS[f"mask_{name}"], requires_grad=True) for name in ("coef", "proto"))
    loss = recorded_loss(coefficients, prototypes)
    loss.backward()
    np.testing.assert_allclose(loss.item(), PARTS["mask_loss"], rtol=1e-4, atol=1e-5)
    for found, key in ((coefficients, "mask_grad_coef"), (prototypes, "mask_grad_proto")):
        np.testing.assert_allclose(found.grad, PARTS[key], rtol=0, atol=1e-4 * np.linalg.norm(PARTS[key]))


def test_the_gradient_is_exact():
    coefficients = torch.tensor(PARTS["mask_coef"], dtype=torch.float64, requires_grad=True)
    prototypes = torch.tensor(PARTS["mask_proto"], dtype=torch.float64)
    assert gradcheck(lambda some: recorded_loss(some, prototypes, torch.float64), coefficients)


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
