import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.train_files import arrays
from posekit.models.yolo.losses.assign import complete_iou

PARTS = arrays("parts")


def boxes(seed, count, dtype=torch.float32):
    corner, size = torch.rand(2, count, 2, generator=torch.Generator().manual_seed(seed), dtype=dtype).unbind(0)
    return torch.cat((corner * 5, corner * 5 + size * 5 + 0.1), 1)


def test_values_and_gradients_are_as_recorded():
    first = torch.tensor(PARTS["ciou_box1"], requires_grad=True)
    found = complete_iou(first, torch.from_numpy(PARTS["ciou_box2"]))
    found.sum().backward()
    np.testing.assert_allclose(found.detach(), PARTS["ciou"][:, 0], rtol=1e-4, atol=1e-5)
    norm = np.linalg.norm(PARTS["ciou_grad_box1"])
    np.testing.assert_allclose(first.grad, PARTS["ciou_grad_box1"], rtol=0, atol=1e-4 * norm)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_symmetric_at_most_the_iou_and_1_for_equal_boxes(seed):
    first, second = boxes(seed, 8), boxes(seed + 1, 8)
    found = complete_iou(first, second)
    torch.testing.assert_close(found, complete_iou(second, first), rtol=1e-4, atol=1e-5)
    shared = (torch.minimum(first, second)[:, 2:] - torch.maximum(first, second)[:, :2]).clamp(min=0).prod(1)
    areas = [(some[:, 2:] - some[:, :2]).prod(1) for some in (first, second)]
    assert (found <= shared / (areas[0] + areas[1] - shared) + 1e-5).all()
    torch.testing.assert_close(complete_iou(first, first), torch.ones(8))


def test_boxes_that_do_not_touch_still_have_a_gradient_towards_each_other():
    first = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    complete_iou(first, torch.tensor([[5.0, 0.0, 6.0, 1.0]])).sum().backward()
    assert first.grad[0, [0, 2]].sum() > 0
