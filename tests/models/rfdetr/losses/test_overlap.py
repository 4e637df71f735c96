"""Overlaps of boxes."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.models.rfdetr.losses import generalised_iou, iou

FRACTION = st.floats(0, 0.4)


@given(x=FRACTION, y=FRACTION, w=st.floats(0.1, 0.5), h=st.floats(0.1, 0.5))
def test_a_box_overlaps_itself_wholly(x, y, w, h):
    box = torch.tensor([x, y, x + w, y + h])
    torch.testing.assert_close(iou(box, box), torch.tensor(1.0))
    torch.testing.assert_close(generalised_iou(box, box), torch.tensor(1.0))


def test_the_generalised_overlap_of_distant_boxes_falls_with_distance():
    box = torch.tensor([0.0, 0.0, 1.0, 1.0])
    near, far = (generalised_iou(box, box + shift) for shift in (1.0, 5.0))
    assert iou(box, box + 1) == 0
    assert 0 > near > far > -1


def test_empty_boxes_give_numbers():
    empty = torch.zeros(4, requires_grad=True)
    value = generalised_iou(empty, torch.zeros(4)) + iou(empty, torch.zeros(4))
    value.backward()
    assert value.isfinite()
    assert empty.grad.isfinite().all()
